//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use portolan::{
    capture::{self, Device},
    text::{
        json,
        table::{Cell, Table},
    },
};

use super::{
    End,
    args::{Interfaces, ListFormat},
};

/// The target of a run's results.
pub(crate) enum Output {
    Standard(BufWriter<io::Stdout>),
    File { writer: BufWriter<File>, temporary: PathBuf, target: PathBuf },
    Device(BufWriter<File>),
}

impl Output {
    /// Standard output, or this file. A file is written beside its name and renamed at the end, so that an interrupted
    /// run leaves nothing half done; `-` is standard output, and devices and pipes are written as they are.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, End> {
        let capacity = 1 << 16;
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Standard(BufWriter::with_capacity(capacity, io::stdout())));
        };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(path).map_err(named)?;
            return Ok(Self::Device(BufWriter::with_capacity(capacity, file)));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create_new(&temporary).map_err(named)?;
        let writer = BufWriter::with_capacity(capacity, file);
        Ok(Self::File { writer, temporary, target: path.to_owned() })
    }

    /// Whether this is a file that will appear whole or not at all.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Writes what is left and puts a file in its place.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Self::File { temporary, target, .. } = &mut self {
            std::fs::rename(&*temporary, &*target)?;
            *temporary = PathBuf::new();
        }
        Ok(())
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Standard(writer) => writer,
            Self::File { writer, .. } | Self::Device(writer) => writer,
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Self::File { temporary, .. } = self
            && !temporary.as_os_str().is_empty()
        {
            let _ = std::fs::remove_file(temporary);
        }
    }
}

impl Write for Output {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

/// Columns of the terminal that tables go to; `None` where they go elsewhere and may be as wide as they are.
pub(crate) fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

/// Lists the interfaces.
pub(crate) fn interfaces(args: &Interfaces) -> Result<u8, End> {
    let devices = capture::devices()?;
    let mut out = Output::new(None)?;
    match args.format {
        ListFormat::Json => {
            let list: Vec<_> =
                devices.iter().enumerate().map(|(number, device)| as_json(number + 1, device)).collect();
            json::pretty(&list, &mut out)?;
        }
        ListFormat::Table => {
            let mut table = Table::new(&["", "interface", "link types", "state", "addresses"]);
            for (number, device) in devices.iter().enumerate() {
                let links: Vec<_> = device.links.iter().map(ToString::to_string).collect();
                table.row([
                    Cell::shown(number + 1),
                    Cell::shown(&device.name),
                    Cell::shown(links.join(" ")),
                    Cell::shown(state(device).join(" ")),
                    Cell::lines(&device.addresses),
                ]);
            }
            table.write(width(), &mut out)?;
            // What is missing is mostly the same for all, and holds a command to be copied whole.
            let mut missing: Vec<(&str, Vec<&str>)> = Vec::new();
            for device in &devices {
                let Some(reason) = device.missing.as_deref() else { continue };
                match missing.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, names)) => names.push(&device.name),
                    None => missing.push((reason, vec![&device.name])),
                }
            }
            for (reason, names) in missing {
                writeln!(out, "\nmissing for {}: {reason}", names.join(", "))?;
            }
        }
    }
    out.finish()?;
    Ok(super::exit::GOOD)
}

fn state(device: &Device) -> Vec<&'static str> {
    let flags = [
        (device.up, "up"),
        (device.running, "running"),
        (device.loopback, "loopback"),
        (device.wireless, "wireless"),
        (device.connected == Some(false), "disconnected"),
    ];
    flags.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect()
}

fn as_json(number: usize, device: &Device) -> serde_json::Value {
    let mut object = serde_json::json!({
        "number": number,
        "name": device.name,
        "addresses": device.addresses,
        "link_types": device.links.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state(device),
    });
    for (key, value) in [("description", &device.description), ("missing", &device.missing)] {
        if let Some(value) = value {
            object[key] = serde_json::json!(value);
        }
    }
    object
}
