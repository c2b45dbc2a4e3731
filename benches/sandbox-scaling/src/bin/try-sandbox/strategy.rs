//! The strategies that a module is measured with, and their settings, both applied and as Rust code to paste.
//! Both come from one list, so that the printed settings are the measured ones.

use serde::{Deserialize, Serialize};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The capacity that the pool needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needs {
    /// Core instances per sandbox: 1 for a core module, an upper bound for a component.
    pub(super) instances: u32,
    /// Linear memories per sandbox.
    pub(super) memories: u32,
    /// Tables per sandbox.
    pub(super) tables: u32,
    /// Elements of its largest table.
    pub(super) table_elements: usize,
    /// Whether it is a component.
    pub(super) component: bool,
    /// Whether its calls run on separate stacks, as with WASI.
    pub(super) stacks: bool,
}

/// The settings of a pool that differ by strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pool {
    /// Bytes of a linear memory that are zeroed and kept resident on drop.
    keep_resident: usize,
    /// Whether the kernel is asked which pages were written to.
    pagemap_scan: bool,
}

/// An allocation strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strategy {
    /// Its name in case ids.
    pub(super) name: &'static str,
    /// Whether the initial image of a linear memory is mapped privately, and not copied.
    pub(super) cow: bool,
    pool: Option<Pool>,
}

const PLAIN: Pool = Pool { keep_resident: 0, pagemap_scan: false };
const KEEPING: Pool = Pool { keep_resident: 1 << 20, pagemap_scan: false };
const SCANNING: Pool = Pool { pagemap_scan: true, ..KEEPING };

/// All strategies: allocator by copy-on-write, and pools that keep pages resident between sandboxes. The last
/// one is measured but never recommended: see [`Strategy::leaks_under_swap`].
pub(super) const ALL: [Strategy; 6] = [
    Strategy { name: "on-demand", cow: true, pool: None },
    Strategy { name: "on-demand", cow: false, pool: None },
    Strategy { name: "pooling", cow: true, pool: Some(PLAIN) },
    Strategy { name: "pooling", cow: false, pool: Some(PLAIN) },
    Strategy { name: "pooling-keep-1m", cow: true, pool: Some(KEEPING) },
    Strategy { name: "pooling-keep-1m-scan", cow: true, pool: Some(SCANNING) },
];

/// The maximum size of a core instance's own structures. wasmtime's default of 1 MiB is too little for
/// programs with many functions, and the limit itself costs nothing.
const INSTANCE_BYTES: usize = 16 << 20;
/// The maximum number of elements per table, as by default.
const TABLE_ELEMENTS: usize = 20_000;

/// A setting's value as Rust code.
trait Code: Copy {
    fn code(self) -> String;
}

impl Code for bool {
    fn code(self) -> String {
        self.to_string()
    }
}

impl Code for u32 {
    fn code(self) -> String {
        self.to_string()
    }
}

impl Code for usize {
    fn code(self) -> String {
        self.to_string()
    }
}

impl Code for Enabled {
    fn code(self) -> String {
        format!("wasmtime::Enabled::{self:?}")
    }
}

/// Applies a setting and records it as code.
macro_rules! set {
    ($lines:ident, $on:ident.$name:ident($value:expr)) => {{
        let value = $value;
        $on.$name(value);
        $lines.push(format!(concat!(stringify!($on), ".", stringify!($name), "({});"), value.code()));
    }};
}

impl Strategy {
    /// `pooling/cow=on`.
    #[must_use]
    pub(super) fn label(&self) -> String {
        format!("{}/cow={}", self.name, self.cow())
    }

    /// Whether a sandbox can read bytes of the previous one, if the kernel swapped pages out in between
    /// (wasmtime #14357, fixed in 50; this is 48): `docs/wasmtime-14357.md`.
    #[must_use]
    pub(super) fn leaks_under_swap(&self) -> bool {
        self.pool.is_some_and(|pool| pool.pagemap_scan && pool.keep_resident > 0)
    }

    /// `on` or `off`.
    #[must_use]
    pub(super) fn cow(&self) -> &'static str {
        if self.cow { "on" } else { "off" }
    }

    /// An engine for this many sandboxes that runs precompiled code and cannot compile.
    ///
    /// # Errors
    /// When wasmtime rejects the settings, or the system refuses the address space.
    pub(super) fn engine(&self, needs: &Needs, sandboxes: u32) -> wasmtime::Result<Engine> {
        let (mut config, _) = self.settings(needs, sandboxes);
        Engine::new(config.enable_compiler(false))
    }

    /// An engine that compiles for this strategy. It has no pool, since compiled code does not depend on one.
    ///
    /// # Errors
    /// When wasmtime rejects the settings.
    pub(super) fn compiler(&self) -> wasmtime::Result<Engine> {
        Engine::new(Config::new().memory_init_cow(self.cow))
    }

    /// The settings as Rust code to paste.
    #[must_use]
    pub(super) fn code(&self, needs: &Needs, sandboxes: u32) -> String {
        let (_, lines) = self.settings(needs, sandboxes);
        lines.iter().map(|line| format!("    {line}\n")).collect()
    }

    fn settings(&self, needs: &Needs, sandboxes: u32) -> (Config, Vec<String>) {
        let mut lines = vec!["let mut config = wasmtime::Config::new();".to_owned()];
        let mut config = Config::new();
        set!(lines, config.memory_init_cow(self.cow));
        if let Some(Pool { keep_resident, pagemap_scan }) = self.pool {
            lines.push("let mut pool = wasmtime::PoolingAllocationConfig::default();".to_owned());
            let mut pool = PoolingAllocationConfig::default();
            set!(lines, pool.total_core_instances(sandboxes.saturating_mul(needs.instances)));
            set!(lines, pool.max_core_instance_size(INSTANCE_BYTES));
            if needs.component {
                set!(lines, pool.total_component_instances(sandboxes));
                set!(lines, pool.max_component_instance_size(INSTANCE_BYTES));
            }
            set!(lines, pool.total_memories(sandboxes.saturating_mul(needs.memories)));
            set!(lines, pool.max_memories_per_module(needs.memories.max(1)));
            set!(lines, pool.total_tables(sandboxes.saturating_mul(needs.tables)));
            set!(lines, pool.max_tables_per_module(needs.tables.max(1)));
            set!(lines, pool.table_elements(needs.table_elements.max(TABLE_ELEMENTS)));
            if needs.stacks {
                set!(lines, pool.total_stacks(sandboxes));
            }
            if keep_resident > 0 {
                set!(lines, pool.linear_memory_keep_resident(keep_resident));
                set!(lines, pool.table_keep_resident(keep_resident));
                // Set explicitly even when it is off: according to wasmtime, the default may become `Auto`.
                set!(lines, pool.pagemap_scan(if pagemap_scan { Enabled::Auto } else { Enabled::No }));
            }
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
            lines.push("config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));".to_owned());
        }
        (config, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pasted_code_has_the_measured_settings() {
        let needs =
            Needs { instances: 1, memories: 1, tables: 2, table_elements: 30_000, component: false, stacks: true };
        let code = ALL[4].code(&needs, 50);
        for line in [
            "config.memory_init_cow(true);",
            "pool.total_core_instances(50);",
            "pool.total_tables(100);",
            "pool.max_tables_per_module(2);",
            "pool.table_elements(30000);",
            "pool.total_stacks(50);",
            "pool.linear_memory_keep_resident(1048576);",
            "pool.pagemap_scan(wasmtime::Enabled::No);",
            "config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));",
        ] {
            assert!(code.contains(line), "{line} is not in:\n{code}");
        }
        assert!(!ALL[0].code(&needs, 50).contains("pool"));
    }
    #[test]
    fn only_the_scanning_pool_leaks() {
        let needs = Needs { instances: 1, memories: 1, tables: 1, table_elements: 0, component: false, stacks: false };
        for strategy in ALL {
            let code = strategy.code(&needs, 10);
            let scans = code.contains("pagemap_scan(wasmtime::Enabled::Auto)") || code.contains("Enabled::Yes");
            assert_eq!(strategy.leaks_under_swap(), scans, "{}", strategy.label());
        }
        assert_eq!(ALL.iter().filter(|one| one.leaks_under_swap()).count(), 1);
    }
}
