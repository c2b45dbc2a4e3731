;; Adds a wasm page to the memory and writes to all of it.
(module
  (memory (export "memory") 1)
  (func (export "run") (result i32) (local $old i32)
    (local.set $old (memory.grow (i32.const 1)))
    (if (i32.eq (local.get $old) (i32.const -1)) (then (return (i32.const 1))))
    (memory.fill (i32.shl (local.get $old) (i32.const 16)) (i32.const 1) (i32.const 65536))
    (i32.const 0)))
