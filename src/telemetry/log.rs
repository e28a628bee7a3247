//! The log: lines on standard error, from our own code and from the libraries we stand on.

use std::io;
use std::sync::OnceLock;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::IntCounter;
use super::form::Form;
use super::lines::Lines;
use crate::config::LogFormat;

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `telemetry.level` is neither a level nor a list of directives.
    #[error("{0}: use error, warn, info, debug or trace, or directives such as info,fedfront::edge=debug")]
    Level(String),
    /// No log was set up, or it has gone.
    #[error("there is no log that could change")]
    Absent,
    /// Another log was set up before, in the same process.
    #[error("the log is already set up")]
    Twice,
    /// The system has no thread to give.
    #[error("no thread for the log: {0}")]
    Thread(#[from] io::Error),
}

/// The log that [`init`] set up. Dropping it writes what still waits.
#[must_use = "what is logged last is lost without it"]
pub struct Log(Lines);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Sends everything logged from here on to standard error.
///
/// `level` is `telemetry.level`: a level, or directives as of `RUST_LOG` (`info,fedfront::edge=debug`). Whatever it says,
/// the caps of this module hold. `dropped` counts the lines that nobody took.
///
/// # Errors
/// An unreadable level, or a second call in one process.
pub fn init(format: LogFormat, level: &str, dropped: &IntCounter) -> Result<Log, LogError> {
    let form = Form::new(format);
    let told = form.clone();
    let lines = Lines::start(io::stderr(), move |number| told.dropped(number), dropped.clone())?;
    let (subscriber, handle) = subscriber(form.clone(), level, lines.clone())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    LOG.set((handle, form)).map_err(|_| LogError::Twice)?;
    tracing_log::LogTracer::builder()
        .with_max_level(tracing_log::log::LevelFilter::Info)
        .init()
        .map_err(|_| LogError::Twice)?;
    Ok(Log(lines))
}

/// Changes what is logged from here on.
///
/// # Errors
/// An unreadable level, or no call of [`init`] before.
pub fn set_level(level: &str) -> Result<(), LogError> {
    let wanted = directives(level)?;
    LOG.get().and_then(|(handle, _)| handle.reload(wanted).ok()).ok_or(LogError::Absent)
}

/// Changes how lines look from here on.
///
/// # Errors
/// No call of [`init`] before.
pub fn set_format(format: LogFormat) -> Result<(), LogError> {
    LOG.get().map(|(_, form)| form.set(format)).ok_or(LogError::Absent)
}

/// The one log of the process.
static LOG: OnceLock<(LevelHandle, Form)> = OnceLock::new();

type LevelHandle = reload::Handle<EnvFilter, Registry>;

/// Whether `level` can be given to [`init`]; for `fedfront check`.
///
/// # Errors
/// [`LogError::Level`].
pub fn check_level(level: &str) -> Result<(), LogError> {
    directives(level).map(drop)
}

/// Libraries that tell of every connection that ends otherwise than they expect: Pingora even as an error, so that any
/// stranger could fill the log; what matters of that, our own lines say. A directive of the operator's overrides.
const TAMED: &str = "pingora=off,pingora_core=off,pingora_proxy=off,h2=warn,hyper=warn,reqwest=warn";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn directives(level: &str) -> Result<EnvFilter, LogError> {
    let unreadable = || LogError::Level(format!("`{level}` is not a log level"));
    let known = |name: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(name));
    let module = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
    // EnvFilter reads any single word as the name of a module, so that `inof` would silence everything.
    for directive in level.split(',') {
        let (target, wanted) = directive.split_once('=').unwrap_or(("fedfront", directive));
        if !known(wanted.trim()) || !module(target.trim()) {
            return Err(unreadable());
        }
    }
    EnvFilter::try_new(format!("{TAMED},{level}")).map_err(|_| unreadable())
}

/// The most that another crate may say, whatever the level: at `debug` Pingora prints whole request headers, Basic
/// credentials among them, and an LDAP library may print a bind.
fn allowed(metadata: &Metadata<'_>) -> bool {
    let within =
        |name: &str| metadata.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let most = if within("fedfront") {
        Level::TRACE
    } else if within("ldap3") || within("lber") {
        Level::WARN
    } else {
        Level::INFO
    };
    *metadata.level() <= most
}

pub(super) fn subscriber<W>(
    form: Form,
    level: &str,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LevelHandle), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let cap: FilterFn<fn(&Metadata<'_>) -> bool> = filter_fn(allowed as fn(&Metadata<'_>) -> bool);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).event_format(form).with_writer(writer);
    let (level, handle) = reload::Layer::new(directives(level)?);
    Ok((tracing_subscriber::registry().with(level).with(cap).with(lines), handle))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(format: LogFormat, level: &str, speak: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, _) = subscriber(Form::new(format), level, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, speak);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = said(LogFormat::Json, "info", || info!(target: "fedfront::edge", port = 8443, "listening\nhere"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(
            (text.lines().count(), &line["message"], &line["port"]),
            (1, &"listening\nhere".into(), &8443.into())
        );
    }

    #[test]
    fn no_level_lets_other_crates_print_headers_or_binds() {
        for level in ["trace", "trace,ldap3=trace,ldap3::conn=trace,pingora_proxy=trace"] {
            let text = said(LogFormat::Text, level, || {
                trace!(target: "fedfront::edge", "ours");
                warn!(target: "ldap3::conn", "warning");
                info!(target: "ldap3::conn", "secret");
                debug!(target: "pingora_proxy::proxy_h1", "secret");
                trace!(target: "h2::hpack", "secret");
                trace!(target: "fedfrontier", "secret");
            });
            assert!(text.contains("ours") && text.contains("warning") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn crates_that_speak_by_log_are_heard_within_the_same_bounds() {
        use tracing_log::log::{Level, Record};
        let text = said(LogFormat::Text, "trace,pingora_proxy=trace", || {
            for (target, level) in
                [("pingora_proxy", Level::Info), ("pingora_proxy", Level::Debug), ("ldap3", Level::Info)]
            {
                let words = format_args!("{target} at {level}").to_string();
                let mut record = Record::builder();
                record.target(target).level(level);
                tracing_log::format_trace(&record.args(format_args!("{words}")).build()).unwrap();
            }
        });
        assert!(text.contains("pingora_proxy at INFO"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn libraries_are_tamed_unless_asked_for() {
        let speak = || tracing::error!(target: "pingora_proxy", "a client went away");
        assert_eq!(said(LogFormat::Text, "info", speak), "");
        assert!(said(LogFormat::Text, "info,pingora_proxy=info", speak).contains("a client went away"));
    }

    #[test]
    fn the_level_can_change_and_the_caps_stay() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, level) = subscriber(Form::new(LogFormat::Text), "warn", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            for wanted in ["warn", "trace"] {
                level.reload(directives(wanted).unwrap()).unwrap();
                debug!(target: "fedfront::edge", wanted);
                debug!(target: "ldap3", "secret");
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.lines().count() == 1 && text.contains("wanted=\"trace\""), "{text}");
    }

    #[test]
    fn the_format_can_change_between_two_lines() {
        let lines = Lines::default();
        let writer = lines.clone();
        let form = Form::new(LogFormat::Text);
        let (subscriber, _) = subscriber(form.clone(), "info", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            for format in [LogFormat::Text, LogFormat::Json, LogFormat::Text] {
                form.set(format);
                info!(target: "fedfront::edge", port = 8443, "listening");
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let json: Vec<bool> = text.lines().map(|line| line.starts_with('{') && line.ends_with('}')).collect();
        assert_eq!(json, [false, true, false], "{text}");
        assert!(text.lines().all(|line| line.contains("listening") && line.contains("8443")), "{text}");
    }

    #[test]
    fn what_is_not_a_level_is_refused() {
        for good in ["error", "INFO", "off", "info,fedfront::edge=debug"] {
            assert!(check_level(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "info,", "edge=loud", "=debug"] {
            assert!(check_level(bad).is_err(), "{bad}");
        }
    }
}
