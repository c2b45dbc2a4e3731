;; Writes a file of 64 KiB, the whole memory, under a new name of eight letters.
(component
  (import "write-file" (func $write (param "name" string) (param "content" (list u8))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (core func $write (canon lower (func $write) (memory $memory "memory")))
  (core module $guest
    (import "memory" "memory" (memory 1))
    (import "host" "write-file" (func $write (param i32 i32 i32 i32)))
    (global $count (mut i32) (i32.const 0))
    (func (export "run") (local $i i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (loop $letters
        (i32.store8 (local.get $i)
          (i32.add (i32.const 97)
            (i32.and (i32.shr_u (global.get $count) (i32.shl (local.get $i) (i32.const 2))) (i32.const 15))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $letters (i32.lt_u (local.get $i) (i32.const 8))))
      (call $write (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 65536))))
  (core instance $guest (instantiate $guest
    (with "memory" (instance $memory))
    (with "host" (instance (export "write-file" (func $write))))))
  (func (export "run") (canon lift (core func $guest "run"))))
