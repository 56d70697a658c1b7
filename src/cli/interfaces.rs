//! `interfaces`: where one can capture, and what is missing to do so.

use std::io::Write as _;

use clap::{Args, ValueEnum};
use portolan::{
    capture::{self, Device},
    text::{
        json,
        table::{Cell, Table},
    },
};

use super::{
    End,
    args::Global,
    exit,
    output::{self, width},
};

#[derive(Args, Debug)]
pub(crate) struct Interfaces {
    /// Form of the list.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ListFormat {
    /// A table for people.
    Table,
    /// One JSON array.
    Json,
}

/// Lists the interfaces.
pub(crate) fn run(global: &Global, args: &Interfaces) -> Result<u8, End> {
    let devices = capture::devices()?;
    let mut out = output::open(global, [])?;
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
            table.write(width(global), &mut out)?;
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
    Ok(exit::GOOD)
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
