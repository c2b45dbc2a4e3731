;; Adds 8,192 elements to a table.
(module
  (memory (export "memory") 1)
  (table $table 0 funcref)
  (func (export "run") (result i32)
    (i32.eq (table.grow $table (ref.null func) (i32.const 8192)) (i32.const -1))))
