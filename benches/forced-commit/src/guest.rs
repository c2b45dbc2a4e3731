//! The guest module of this family. Its memory, data segments, globals and table are known to the byte, and
//! its job dirties a given number of pages in a given number of runs.
//!
//! ```text
//!  0      1 KiB       200,000                                            size
//!  | zero | "linear.." | zero | "high water" | zero ......................|
//!  |<------------------------- run 0 ->|      |<-- run 1 ->|      |<-- run 2
//! ```

use std::path::{Path, PathBuf};

use highwater_store::write_atomically;
use highwater_worker::CaseResult;
use wasm_guests::GuestTarget;
use wasmtime::{Config, Engine};

use crate::sys::compile_for;

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
    /// Equal minimum and maximum.
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

/// Configures an engine to compile for the target that [`GuestTarget::chosen`] names, so that the code is
/// identical on every machine of a class. An engine that only runs precompiled code does not need this.
///
/// # Errors
/// When the environment names no target, or the engine does not know it.
pub fn compile_for_target(config: &mut Config) -> wasmtime::Result<()> {
    compile_for(config, GuestTarget::chosen()?)
}

/// An engine that compiles for that target and for engines with these settings.
///
/// # Errors
/// As [`compile_for_target`], and when the engine rejects the settings.
pub fn compiler(config: &Config) -> wasmtime::Result<Engine> {
    let mut config = config.clone();
    compile_for_target(&mut config)?;
    Engine::new(&config)
}

/// Compiles the guest for an engine with these settings into `folder` and returns the path of the file.
///
/// # Errors
/// When the engine rejects the settings or the file cannot be written.
pub fn precompiled(folder: &Path, name: &str, declared: Declared, config: &Config) -> CaseResult<PathBuf> {
    let engine = compiler(config)?;
    let compiled = engine.precompile_module(&wat::parse_str(text(declared))?)?;
    let path = folder.join(format!("forced-commit-{name}.cwasm"));
    write_atomically(&path, &compiled)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    const GUEST: Declared = Declared { minimum: 1 << 20, maximum: 1 << 20 };

    fn engine(target: GuestTarget) -> Engine {
        let mut config = Config::new();
        compile_for(&mut config, target).expect("a target");
        Engine::new(&config).expect("an engine")
    }

    fn hash(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    fn compiled(engine: &Engine) -> Vec<u8> {
        engine.precompile_module(&wat::parse_str(text(GUEST)).expect("a module")).expect("compiles")
    }

    /// The value of a compiler flag in compiled code: the encoded value follows the flag's name.
    #[cfg(target_arch = "x86_64")]
    fn value<'a>(code: &'a [u8], flag: &str) -> &'a [u8] {
        let at = code.windows(flag.len()).position(|window| window == flag.as_bytes()).expect("a flag");
        &code[at + flag.len()..][..2]
    }

    #[test]
    fn compiling_a_guest_twice_for_a_target_gives_the_same_bytes() {
        let target = GuestTarget::chosen().expect("a target");
        let [first, second] = [engine(target), engine(target)];
        assert_eq!(hash(&first), hash(&second));
        assert!(compiled(&first) == compiled(&second));
    }

    /// The engine hash names cached files, so it must differ too: otherwise one target would load code
    /// compiled for the other.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_fixed_target_ignores_the_hosts_cpu_features() {
        let [fixed, baseline] =
            [GuestTarget::chosen().expect("a target"), GuestTarget::Baseline].map(|target| compiled(&engine(target)));
        let off = value(&baseline, "has_avx512f");
        assert_eq!(value(&fixed, "has_avx512f"), off);
        assert_eq!(value(&fixed, "has_avx512vnni"), off);
        if GuestTarget::chosen() == Ok(GuestTarget::X86_64V3) {
            for flag in ["has_avx", "has_avx2", "has_bmi2", "has_fma", "has_popcnt"] {
                assert!(value(&fixed, flag) != off && value(&baseline, flag) == off, "{flag}");
            }
            assert_ne!(hash(&engine(GuestTarget::X86_64V3)), hash(&engine(GuestTarget::Baseline)));
        }
    }

    #[test]
    fn engines_without_a_target_load_code_for_a_fixed_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("guest.cwasm");
        let mut no_compiler = Config::new();
        no_compiler.enable_compiler(false);
        for target in [GuestTarget::chosen().expect("a target"), GuestTarget::Baseline] {
            std::fs::write(&path, compiled(&engine(target))).expect("written");
            for config in [&no_compiler, &Config::new()] {
                let engine = Engine::new(config).expect("an engine");
                crate::sys::load_module(&engine, &path).expect("loads");
            }
        }
    }
}
