//! Feeds what the fuzzer invents to the property of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jim_fuzz::schema(data));
