//! Sources of leaks, each beside its cure. What a source keeps stays for the life of the instance.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    hint::black_box,
    rc::{Rc, Weak},
    sync::{Mutex, PoisonError},
};

use extism_pdk::{FnResult, plugin_fn};

use crate::work::{Done, Work, sum};

/// Two nodes that point at each other.
struct Node {
    other: RefCell<Link>,
    payload: Vec<u8>,
}

enum Link {
    None,
    Strong(Rc<Node>),
    Weak(Weak<Node>),
}

fn couple(work: Work, back: impl Fn(&Rc<Node>) -> Link) -> u64 {
    let node = || Rc::new(Node { other: RefCell::new(Link::None), payload: vec![1; work.size()] });
    let couples = (0..work.items).map(|_| {
        let (parent, child) = (node(), node());
        *parent.other.borrow_mut() = Link::Strong(Rc::clone(&child));
        *child.other.borrow_mut() = back(&parent);
        let reachable = match &*child.other.borrow() {
            Link::None => None,
            Link::Strong(node) => Some(Rc::clone(node)),
            Link::Weak(node) => node.upgrade(),
        };
        reachable.map_or(0, |node| sum(&node.payload))
    });
    couples.sum()
}

/// Couples of nodes that hold each other: neither is ever freed.
#[plugin_fn]
pub fn cycle(work: Work) -> FnResult<Done> {
    Ok(Done::now(couple(work.checked()?, |parent| Link::Strong(Rc::clone(parent)))))
}

/// The same with a weak reference back.
#[plugin_fn]
pub fn cycle_weak(work: Work) -> FnResult<Done> {
    Ok(Done::now(couple(work.checked()?, |parent| Link::Weak(Rc::downgrade(parent)))))
}

type Handler = Box<dyn Fn() -> u64 + Send>;

static HANDLERS: Mutex<Vec<Handler>> = Mutex::new(Vec::new());

fn handle(work: Work, clear: bool) -> u64 {
    let mut handlers = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
    let first = handlers.len();
    for _ in 0..work.items {
        let captured = vec![1_u8; work.size()];
        handlers.push(Box::new(move || sum(&captured)));
    }
    let result = handlers[first..].iter().map(|handler| handler()).sum();
    if clear {
        handlers.clear();
    }
    result
}

/// Handlers that are registered by every call and never removed.
#[plugin_fn]
pub fn handlers_kept(work: Work) -> FnResult<Done> {
    Ok(Done::now(handle(work.checked()?, false)))
}

/// The same, cleared at the end of the call.
#[plugin_fn]
pub fn handlers_cleared(work: Work) -> FnResult<Done> {
    Ok(Done::now(handle(work.checked()?, true)))
}

/// The most entries of the bounded cache: that of the document's example.
const MOST_ENTRIES: usize = 1000;

/// A cache, with its keys in order of age.
struct Cache {
    entries: HashMap<String, Vec<u8>>,
    ages: VecDeque<String>,
    next: u32,
}

static CACHE: Mutex<Option<Cache>> = Mutex::new(None);

fn insert(work: Work, most: usize) -> u64 {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_with(|| Cache { entries: HashMap::new(), ages: VecDeque::new(), next: 0 });
    for _ in 0..work.items {
        while cache.entries.len() >= most {
            let Some(oldest) = cache.ages.pop_front() else { break };
            cache.entries.remove(&oldest);
        }
        let key = format!("{:08}", cache.next);
        cache.next = cache.next.wrapping_add(1);
        cache.ages.push_back(key.clone());
        cache.entries.insert(key, vec![1; work.size()]);
    }
    cache.entries.len() as u64
}

/// New entries in every call, and none removed.
#[plugin_fn]
pub fn cache_unbounded(work: Work) -> FnResult<Done> {
    Ok(Done::now(insert(work.checked()?, usize::MAX)))
}

/// The same, with the oldest removed beyond 1,000.
#[plugin_fn]
pub fn cache_bounded(work: Work) -> FnResult<Done> {
    Ok(Done::now(insert(work.checked()?, MOST_ENTRIES)))
}

static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Keeps so many items of so many written bytes more: a known leak, for the leak test itself.
#[plugin_fn]
pub fn keep(work: Work) -> FnResult<Done> {
    let work = work.checked()?;
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend((0..work.items).map(|_| black_box(vec![1; work.size()])));
    Ok(Done::now(kept.len() as u64))
}
