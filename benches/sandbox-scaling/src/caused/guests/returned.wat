;; Returns sixteen strings to the host. All are the same 4 KiB of the guest's memory.
(component
  (core module $guest
    (memory (export "memory") 1)
    (func $fill (local $at i32)
      (loop $pairs
        (i32.store (local.get $at) (i32.const 4096))
        (i32.store offset=4 (local.get $at) (i32.const 4096))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $pairs (i32.lt_u (local.get $at) (i32.const 128))))
      ;; The list: its address and its length.
      (i32.store (i32.const 1024) (i32.const 0))
      (i32.store (i32.const 1028) (i32.const 16)))
    (start $fill)
    (func (export "run") (result i32) (i32.const 1024)))
  (core instance $guest (instantiate $guest))
  (func (export "run") (result (list string)) (canon lift (core func $guest "run") (memory $guest "memory"))))
