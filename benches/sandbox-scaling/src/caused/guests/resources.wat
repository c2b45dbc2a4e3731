;; Creates a pollable of WASI and never drops it.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $shared))
    (export "pollable" (type $own (eq $shared)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $own))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $guest
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run") (drop (call $subscribe (i64.const 1000000000)))))
  (core instance $guest (instantiate $guest (with "host" (instance (export "subscribe" (func $subscribe))))))
  (func (export "run") (canon lift (core func $guest "run"))))
