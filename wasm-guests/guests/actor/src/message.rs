//! What an actor is for: a message in, outputs and the changed state out.

use std::collections::BTreeMap;

use extism_pdk::{Error, FnResult, Json, Msgpack, plugin_fn};
use serde::{Deserialize, Serialize};

/// What an actor is called with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    payload: BTreeMap<String, Message>,
    #[serde(default)]
    state: BTreeMap<String, u64>,
}

/// One value at a port.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Text(String),
    Number(f64),
    Array(Vec<f64>),
}

/// What an actor answers: the values at its output ports, and what changed in its state.
#[derive(Serialize)]
pub(crate) struct Outcome {
    outputs: BTreeMap<String, Message>,
    state: BTreeMap<String, u64>,
}

/// The longest array that is worked on: a size is checked before it is used.
const MOST_NUMBERS: usize = 10_000;

/// Hands on every message, with numbers doubled, and counts the calls in the state.
fn answer(context: Context) -> Result<Outcome, Error> {
    let mut outputs = context.payload;
    for (port, message) in &mut outputs {
        match message {
            Message::Text(_) => {}
            Message::Number(number) => *number *= 2.0,
            Message::Array(numbers) if numbers.len() > MOST_NUMBERS => {
                return Err(Error::msg(format!("{port}: an array of over {MOST_NUMBERS} numbers")));
            }
            Message::Array(numbers) => numbers.iter_mut().for_each(|number| *number *= 2.0),
        }
    }
    let count = context.state.get("count").copied().unwrap_or(0).saturating_add(1);
    Ok(Outcome { outputs, state: BTreeMap::from([("count".to_owned(), count)]) })
}

/// The work of `process` on JSON text, as bytes: for both ways in.
pub(crate) fn process_json(input: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(extism_pdk::json::to_vec(&answer(extism_pdk::json::from_slice(input)?)?)?)
}

/// A message in JSON.
#[plugin_fn]
pub fn process(Json(context): Json<Context>) -> FnResult<Json<Outcome>> {
    Ok(Json(answer(context)?))
}

/// The same message in MessagePack.
#[plugin_fn]
pub fn process_msgpack(Msgpack(context): Msgpack<Context>) -> FnResult<Msgpack<Outcome>> {
    Ok(Msgpack(answer(context)?))
}

/// Raw bytes: the same back.
#[plugin_fn]
pub fn echo(input: Vec<u8>) -> FnResult<Vec<u8>> {
    Ok(input)
}
