//! `extcap`: our annotated live interfaces in Wireshark's own list, through its interface for external captures
//! (wireshark.org, extcap(4)): a wrapper in its folder, and the calls that Wireshark makes through it.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::{Args, Subcommand};
use portolan::{
    capture::{self, Device, Filter},
    packet::LinkType,
};

use super::{
    End,
    args::Global,
    exit, message,
    output::{self, PART},
};

/// Before the name of an interface in Wireshark's list, which has the interface itself, too.
const PREFIX: &str = "portolan-";

/// What the wrapper is called.
const NAME: &str = "portolan";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Extcap {
    #[command(subcommand)]
    command: Option<Action>,
    #[command(flatten)]
    call: Call,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the wrapper through which Wireshark lists our live interfaces into its personal folder.
    Install(Install),
}

#[derive(Args, Debug)]
struct Install {
    /// The folder, where it is another than Wireshark says, or says none: then ~/.local/lib/wireshark/extcap.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// What Wireshark asks for.
#[derive(Args, Debug)]
struct Call {
    /// List the interfaces.
    #[arg(long, hide = true)]
    extcap_interfaces: bool,
    /// The version of whoever asks.
    #[arg(long, hide = true, value_name = "VERSION", require_equals = true, num_args = 0..=1)]
    extcap_version: Option<Option<String>>,
    /// The interface that is meant.
    #[arg(long, hide = true, value_name = "INTERFACE")]
    extcap_interface: Option<String>,
    /// List its link types.
    #[arg(long, hide = true)]
    extcap_dlts: bool,
    /// List its options.
    #[arg(long, hide = true)]
    extcap_config: bool,
    /// Only what passes this filter; without --capture, check it.
    #[arg(long, hide = true, value_name = "FILTER")]
    extcap_capture_filter: Option<String>,
    /// Capture.
    #[arg(long, hide = true)]
    capture: bool,
    /// Into this pipe.
    #[arg(long, hide = true, value_name = "PIPE")]
    fifo: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &Extcap) -> Result<u8, End> {
    if let Some(Action::Install(install)) = &args.command {
        return self::install(global, install);
    }
    let call = &args.call;
    let mut out = output::open(global, [])?;
    match call.extcap_interface.as_deref() {
        _ if call.extcap_interfaces => {
            list(&capture::devices()?, &mut out)?;
        }
        Some(interface) if call.capture => return capture(interface, call),
        Some(interface) if call.extcap_dlts => {
            let device = capture::devices()?.into_iter().find(|device| device.name == meant(interface));
            writeln!(out, "{}", link(device.and_then(|device| device.links.first().copied())))?;
        }
        // There are none but the filter, which Wireshark asks for anyway.
        Some(_) if call.extcap_config => {}
        Some(_) if call.extcap_capture_filter.is_some() => {
            // Whatever is printed says that it is wrong.
            if let Some(error) = Filter::new(call.extcap_capture_filter.as_deref().unwrap_or_default()).err()
            {
                writeln!(out, "{error}")?;
            }
        }
        _ => {
            message::error("extcap: `portolan extcap install` has Wireshark list our live interfaces");
            return Err(End::Said(exit::USAGE));
        }
    }
    out.finish()?;
    Ok(exit::GOOD)
}

/// The interface that an entry of Wireshark's list stands for.
fn meant(entry: &str) -> &str {
    entry.strip_prefix(PREFIX).unwrap_or(entry)
}

/// Lists the interfaces that are up, in sentences of extcap.
fn list(devices: &[Device], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "extcap {{version={}}}{{display=portolan: services by name, with evidence}}",
        env!("CARGO_PKG_VERSION")
    )?;
    // Neither can a value hold these, nor has any interface them that was not called so on purpose.
    let is_plain = |device: &&Device| !device.name.contains(['{', '}', '\n', '\r']);
    for Device { name, .. } in devices.iter().filter(|device| device.up).filter(is_plain) {
        writeln!(out, "interface {{value={PREFIX}{name}}}{{display=portolan: {name}, annotated}}")?;
    }
    Ok(())
}

/// The link type of an interface; Ethernet where it cannot be told, as what comes says itself what it is.
fn link(link: Option<LinkType>) -> String {
    let link = link.unwrap_or(LinkType::ETHERNET);
    format!("dlt {{number={}}}{{name={link}}}{{display={link}, annotated by portolan}}", link.0)
}

/// Captures into Wireshark's pipe, as `annotate` does.
fn capture(interface: &str, call: &Call) -> Result<u8, End> {
    let Some(fifo) = &call.fifo else {
        message::error("extcap: --capture wants to know --fifo");
        return Err(End::Said(exit::USAGE));
    };
    let mut arguments: Vec<OsString> =
        [NAME, "annotate", "--quiet", "--format", "pcapng", "-i", meant(interface), "-o"]
            .map(Into::into)
            .to_vec();
    arguments.push(fifo.into());
    if let Some(filter) = call.extcap_capture_filter.as_ref().filter(|filter| !filter.is_empty()) {
        arguments.extend(["-f".into(), filter.into()]);
    }
    Ok(super::parse_and_run(&arguments))
}

/// Writes the wrapper.
fn install(global: &Global, args: &Install) -> Result<u8, End> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => personal().ok_or_else(|| {
            message::error("extcap: where your home is is not known: give --folder FOLDER");
            End::Said(exit::USAGE)
        })?,
    };
    let program = env::current_exe().and_then(|program| program.canonicalize())?;
    let path = folder.join(NAME);
    write(&folder, &path, &wrapper(&program))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    if !global.quiet {
        message::line("", format_args!("written: {}", path.display()));
        message::note("Wireshark lists `portolan: INTERFACE, annotated` once it is started anew");
    }
    Ok(exit::GOOD)
}

/// Wireshark's personal folder, as its own tool tells it.
fn personal() -> Option<PathBuf> {
    let tshark = Command::new("tshark").args(["-G", "folders"]).stdin(Stdio::null()).output();
    let told = tshark.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let of = |what: &str| {
        told.lines().find_map(|line| line.strip_prefix(what)).map(|folder| PathBuf::from(folder.trim()))
    };
    // Versions that do not name it have it beside their settings.
    let folder = of("Personal Extcap path:").or_else(|| Some(of("Personal configuration:")?.join("extcap")));
    let home = env::var_os("HOME").filter(|home| !home.is_empty());
    folder.or_else(|| Some(Path::new(&home?).join(".local/lib/wireshark/extcap")))
}

/// A shell's script that calls this very program.
fn wrapper(program: &Path) -> String {
    let program = program.display().to_string().replace('\'', r"'\''");
    format!("#!/bin/sh\n# Written by `portolan extcap install`.\nexec '{program}' extcap \"$@\"\n")
}

/// Writes a program that appears whole.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".portolan-").suffix(PART).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_those_of_extcap() {
        let device = |name: &str, up| Device {
            name: name.to_owned(),
            description: None,
            addresses: Vec::new(),
            links: Vec::new(),
            up,
            running: up,
            loopback: false,
            wireless: false,
            connected: None,
            missing: None,
        };
        let mut out = Vec::new();
        list(&[device("eth0", true), device("down0", false), device("a}b", true)], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("extcap {version="), "{text}");
        assert_eq!(lines[1..], ["interface {value=portolan-eth0}{display=portolan: eth0, annotated}"]);
        assert_eq!(
            link(Some(LinkType(276))),
            "dlt {number=276}{name=linux-sll2}{display=linux-sll2, annotated by portolan}"
        );
        assert_eq!(meant("portolan-portolan-0"), "portolan-0");
        assert_eq!(
            wrapper(Path::new("/opt/it's/portolan")).lines().last(),
            Some(r#"exec '/opt/it'\''s/portolan' extcap "$@""#)
        );
    }
}
