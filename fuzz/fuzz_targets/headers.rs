//! Header blocks: any bytes can be read, and what is written without some headers reads as the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tradewind_proto::{Headers, without};

fuzz_target!(|data: &[u8]| {
    let [unwanted, block @ ..] = data else { return };
    let headers = Headers::new(block);
    for (name, value) in headers.iter() {
        assert!(headers.get(name).is_some());
        assert!(headers.mentions(name) && headers.mentions(value));
    }
    let is_unwanted = |name: &[u8]| name.first().is_some_and(|first| first & 1 == unwanted & 1);
    let kept: Vec<_> = headers.iter().filter(|(name, _)| !is_unwanted(name)).collect();
    let written = without(block, is_unwanted);
    let read: Vec<_> = Headers::new(&written).iter().collect();
    assert_eq!(read, kept);
});
