//! `registry update`: IANA's current registry, fetched, checked, and kept for every later run.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use portolan::registry::{self, Registry as Records};
use tempfile::NamedTempFile;

use super::{End, args::Global, exit, message, output};

/// What IANA's CSV begins with.
const HEADER: &[u8] = b"Service Name,Port Number,Transport Protocol,";

/// Octets of it at most; it has some 1.5 MB.
const LIMIT: u64 = 32 << 20;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Rows that a newer registry has at least, in per cent of those in use: IANA removes few.
const FEWEST: usize = 99;

pub(crate) fn run(global: &Global, from: &str, within: Duration) -> Result<u8, End> {
    let Some(target) = registry::stored_file() else {
        message::error("neither XDG_DATA_HOME nor HOME says where to keep the registry");
        return Err(End::Said(exit::OUTPUT));
    };
    let mut out = output::open(global, [])?;
    let (used, _) = Records::current();
    let refused = |reason: &dyn std::fmt::Display| {
        message::error(format_args!("{from}: {reason}"));
        message::line(
            "hint: ",
            format_args!(
                "the registry in use stays: {}, of {}; `portolan registry import FILE` takes a copy that came another way",
                used.source(),
                used.updated()
            ),
        );
        End::Said(exit::INPUT)
    };
    let kept = |error: io::Error| {
        End::Output(io::Error::new(error.kind(), format!("{}: {error}", target.display())))
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(kept)?;
    // Removed again, however this ends.
    let mut file = NamedTempFile::new_in(folder).map_err(kept)?;
    let mut body = fetch(from, within).map_err(|reason| refused(&reason))?;
    let mut octets = Vec::new();
    body.read_to_end(&mut octets).map_err(|error| refused(&told(&error, within)))?;
    if !octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&octets).starts_with(HEADER) {
        return Err(refused(&"what came is not IANA's CSV of the port registry"));
    }
    file.write_all(&octets).map_err(kept)?;
    let new = Records::read(file.path()).map_err(|error| refused(&without_file(&error)))?;
    if new.len() * 100 < used.len() * FEWEST {
        let reason =
            format!("{} rows, where the registry in use has {}: not all of it came", new.len(), used.len());
        return Err(refused(&reason));
    }
    if new.updated() < used.updated() {
        let reason = format!("it is of {}, older than the registry in use", new.updated());
        return Err(refused(&reason));
    }
    Records::import(file.path(), &target).map_err(|error| match error {
        registry::Error::Io { file: failed, cause } if failed == target => kept(cause),
        error => refused(&without_file(&error)),
    })?;
    writeln!(
        out,
        "{} records of {} are kept in {} and used from now on; before: {} of {}",
        new.len(),
        new.updated(),
        target.display(),
        used.len(),
        used.updated()
    )?;
    out.finish()?;
    Ok(exit::GOOD)
}

/// What is wrong with a file, but for its name, which is one of ours.
fn without_file(error: &registry::Error) -> String {
    match error {
        registry::Error::Io { cause, .. } => cause.to_string(),
        registry::Error::Malformed { line, reason, .. } => format!("line {line}: {reason}"),
        registry::Error::Unsuited { reason, .. } => reason.clone(),
    }
}

/// Asks for what is there, and returns what reads it.
fn fetch(from: &str, within: Duration) -> Result<impl io::Read + use<>, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(within))
        .timeout_connect(Some(CONNECT.min(within)))
        // What begins encrypted stays so.
        .https_only(from.starts_with("https:"))
        .max_redirects(5)
        .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let answer = agent.get(from).call().map_err(|error| sentence(&error, within))?;
    Ok(answer.into_body().into_with_config().limit(LIMIT).reader())
}

/// What went wrong while an answer was read.
fn told(error: &io::Error, within: Duration) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => sentence(inner, within),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the answer ends before its end".to_owned(),
        None => error.to_string(),
    }
}

fn sentence(error: &ureq::Error, within: Duration) -> String {
    match error {
        ureq::Error::StatusCode(status) => format!("the server answers {status}"),
        ureq::Error::Timeout(_) => format!("it did not come within {} s", within.as_secs_f64()),
        ureq::Error::HostNotFound => "the name of the host is not known here: is there a network?".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => {
            format!("more than {LIMIT} octets are no copy of IANA's registry")
        }
        ureq::Error::Io(cause) => format!("it cannot be reached: {cause}"),
        other => other.to_string(),
    }
}
