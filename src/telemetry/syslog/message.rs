//! One record as a syslog message (RFC 5424 6).

use std::fs;
use std::process;

use super::super::sink::Entry;
use crate::config::SyslogConfig;

/// Somebody should look at it; and not (RFC 5424 6.2.1).
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// What every message of ours has.
pub(super) struct Header {
    facility: u8,
    /// `HOSTNAME APP-NAME PROCID`
    origin: String,
}

impl Header {
    pub fn new(config: &SyslogConfig) -> Self {
        let origin = format!("{} {} {}", host_name(), config.app_name, process::id());
        Self { facility: config.facility, origin }
    }

    /// A message without structured data, whose text is the JSON object. No byte order mark is before that, as nobody who
    /// reads JSON wants one.
    pub fn message(&self, entry: &Entry) -> Vec<u8> {
        let priority = self.facility * 8 + if entry.notable { NOTICE } else { INFORMATIONAL };
        let time = entry.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let Entry { line, kind, .. } = entry;
        let (head, text) = (format!("{priority}>1 {time} {} {kind} - ", self.origin), line.trim_end_matches('\n'));
        ["<", &head, text].concat().into_bytes()
    }
}

/// What the system calls itself; `-` where it does not say, or says what may not be said.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let sayable = (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if sayable { name.to_owned() } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SyslogServer;
    use crate::model::Timestamp;

    #[test]
    fn a_record_is_the_text_of_a_message() {
        let config =
            SyslogConfig { server: SyslogServer::Local("/dev/log".into()), facility: 10, app_name: "sts".to_owned() };
        let header = Header { origin: format!("h {} 7", config.app_name), ..Header::new(&config) };
        let message = |time, notable| {
            let entry = Entry { line: "{\"user\":\"é\"}\n".to_owned(), time, kind: "sign_in", notable };
            String::from_utf8(header.message(&entry)).unwrap()
        };
        let time = Some(Timestamp::from_unix_millis(1_767_225_600_068));
        assert_eq!(message(time, true), r#"<85>1 2026-01-01T00:00:00.068Z h sts 7 sign_in - {"user":"é"}"#);
        assert_eq!(message(None, false), r#"<86>1 - h sts 7 sign_in - {"user":"é"}"#);
    }
}
