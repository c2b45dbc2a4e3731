//! The guest of this family: a module whose memory, data segments, globals and table are known to the
//! byte, and whose job dirties as many pages as it is told, in as many runs.
//!
//! ```text
//!  0      1 KiB       200,000                                            size
//!  | zero | "linear.." | zero | "high water" | zero ......................|
//!  |<------------------------- run 0 ->|      |<-- run 1 ->|      |<-- run 2
//! ```

use std::path::{Path, PathBuf};

use highwater::{CaseResult, model::write_atomically};
use wasmtime::{Config, Engine};

/// Bytes of a WebAssembly page.
const WASM_PAGE: u64 = 65_536;

/// A memory's declared limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Minimum in bytes.
    pub minimum: u64,
    /// Maximum in bytes.
    pub maximum: u64,
}

impl Declared {
    /// Minimum and maximum alike.
    #[must_use]
    pub fn exactly(bytes: u64) -> Self {
        Self { minimum: bytes, maximum: bytes }
    }

    /// The smallest minimum that holds the data segments: 4 wasm pages.
    #[must_use]
    pub fn up_to(bytes: u64) -> Self {
        Self { minimum: 4 * WASM_PAGE, maximum: bytes }
    }
}

/// Its data segments, by offset.
#[must_use]
pub fn segments() -> [(usize, &'static [u8]); 2] {
    [(1024, b"linear memory begins with zeros and this"), (200_000, b"high water")]
}

/// The module's text.
#[must_use]
pub fn text(declared: Declared) -> String {
    let (minimum, maximum) = (declared.minimum / WASM_PAGE, declared.maximum / WASM_PAGE);
    let data =
        segments().map(|(at, bytes)| format!(r#"(data (i32.const {at}) "{}")"#, bytes.escape_ascii())).join("\n  ");
    format!(
        r#"(module
  (memory (export "memory") {minimum} {maximum})
  {data}
  ;; What a job changes besides memory. `moved` stands for a stack pointer that a trap left where it was.
  (global $jobs (export "jobs") (mut i32) (i32.const 0))
  (global $moved (export "moved") (mut i32) (i32.const 65536))
  ;; How much a guest says that it uses, from the first byte on.
  (global $used (export "used") (mut i64) (i64.const 0))
  (table $table (export "table") 4 funcref)
  (elem (i32.const 0) $a $b $a $b)
  (func $a)
  (func $b)

  ;; Dirties `pages` OS pages in `runs` runs of equal length, evenly spread over the memory.
  (func (export "dirty") (param $pages i32) (param $runs i32)
    (local $length i32) (local $stride i32) (local $at i32)
    (global.set $jobs (i32.add (global.get $jobs) (i32.const 1)))
    (global.set $moved (i32.sub (global.get $moved) (i32.const 16)))
    (global.set $used (i64.mul (i64.extend_i32_u (local.get $pages)) (i64.const 4096)))
    (table.set $table (i32.const 0) (table.get $table (i32.const 1)))
    (if (i32.eqz (local.get $runs)) (then (return)))
    (local.set $length (i32.mul (i32.div_u (local.get $pages) (local.get $runs)) (i32.const 4096)))
    (local.set $stride
      (i32.mul (i32.div_u (i32.mul (memory.size) (i32.const 16)) (local.get $runs)) (i32.const 4096)))
    (loop $more
      (memory.fill (local.get $at) (i32.const 0xAB) (local.get $length))
      (local.set $at (i32.add (local.get $at) (local.get $stride)))
      (local.set $runs (i32.sub (local.get $runs) (i32.const 1)))
      (br_if $more (local.get $runs))))

  ;; Writes what is there to the first byte of every OS page.
  (func (export "probe")
    (local $left i32) (local $at i32)
    (local.set $left (i32.mul (memory.size) (i32.const 16)))
    (loop $more
      (i32.store8 (local.get $at) (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $more (local.get $left)))))
"#
    )
}

/// Compiles the guest for an engine of these settings into `folder` and returns the file.
///
/// # Errors
/// When the engine refuses the settings or the file cannot be written.
pub fn precompiled(folder: &Path, name: &str, declared: Declared, config: &Config) -> CaseResult<PathBuf> {
    let engine = Engine::new(config)?;
    let compiled = engine.precompile_module(&wat::parse_str(text(declared))?)?;
    let path = folder.join(format!("forced-commit-{name}.cwasm"));
    write_atomically(&path, &compiled)?;
    Ok(path)
}
