#![no_main]

#[allow(dead_code, reason = "each program has one check")]
#[path = "../checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::makers(octets));
