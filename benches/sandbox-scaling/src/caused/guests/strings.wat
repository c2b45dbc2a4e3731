;; Passes sixteen strings to the host. All are the same 4 KiB of the guest's memory.
(component
  (import "keep" (func $keep (param "texts" (list string))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (core func $keep (canon lower (func $keep) (memory $memory "memory")))
  (core module $guest
    (import "memory" "memory" (memory 1))
    (import "host" "keep" (func $keep (param i32 i32)))
    (func $fill (local $at i32)
      (loop $pairs
        (i32.store (local.get $at) (i32.const 4096))
        (i32.store offset=4 (local.get $at) (i32.const 4096))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $pairs (i32.lt_u (local.get $at) (i32.const 128)))))
    (start $fill)
    (func (export "run") (call $keep (i32.const 0) (i32.const 16))))
  (core instance $guest (instantiate $guest
    (with "memory" (instance $memory))
    (with "host" (instance (export "keep" (func $keep))))))
  (func (export "run") (canon lift (core func $guest "run"))))
