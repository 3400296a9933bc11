//! Any bytes as a file of links: reading them terminates, and every fault names a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::{customers::faults_of_links, domain::SourceName};

const SOURCES: [SourceName; 2] = [SourceName::new("advanced_automation"), SourceName::new("my_reports")];

fuzz_target!(|text: &[u8]| {
    for name in ["links.csv", "links.toml"] {
        for fault in faults_of_links(text, name.as_ref(), &SOURCES) {
            assert!(fault.starts_with("line ") && !fault.starts_with("line 0"), "{fault}");
        }
    }
    let with_header = [b"customer_id,name,advanced_automation_id,my_reports_id\n", text].concat();
    let _ = faults_of_links(&with_header, "links.csv".as_ref(), &SOURCES);
});
