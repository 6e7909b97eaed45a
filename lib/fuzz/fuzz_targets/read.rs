//! One reader of foreign data, named by `GATE_FUZZ_TARGET`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    std::env::var("GATE_FUZZ_TARGET").expect("GATE_FUZZ_TARGET names a folder of lib/fuzz/corpus")
});

fuzz_target!(|bytes: &[u8]| gate::fuzzing::read(&TARGET, bytes));
