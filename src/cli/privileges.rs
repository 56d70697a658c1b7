//! What a run that captures gives up once its interface is open: the user that started it as root, capabilities, files, system calls
//! that it never makes.
//!
//! All of it holds for the calling thread and those that it starts, so it is done before any is started. What is opened later
//! (outputs, the files of a ring) is opened by the new user.

use std::path::PathBuf;

/// What a run goes on to need.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// What it writes: files, or the folders that these are made in.
    pub(crate) writes: Vec<PathBuf>,
    /// Whether a folder among them must be writable from the beginning, though its first file comes later.
    pub(crate) tries: bool,
    /// Whether it may open its interface again.
    pub(crate) captures: bool,
    /// Whether a thread of it looks at the processes of all users.
    pub(crate) processes: bool,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{give_up, may_see_processes, only_look};

#[cfg(not(target_os = "linux"))]
pub(crate) fn give_up(
    user: Option<&str>,
    _needs: &Needs,
    watch: impl FnOnce() -> Result<(), super::End>,
) -> Result<(), super::End> {
    if user.is_some() {
        super::message::error("--user: privileges are given up on Linux alone");
        return Err(super::End::Said(super::exit::USAGE));
    }
    watch()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn only_look() {}

/// Whether sockets of other users' processes are told.
#[cfg(not(target_os = "linux"))]
pub(crate) fn may_see_processes() -> bool {
    false
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env,
        error::Error,
        ffi::CString,
        fs,
        path::{Path, PathBuf},
    };

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
        RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    };
    use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgroups, setresgid, setresuid};
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    };

    use super::Needs;
    use crate::cli::{End, exit, message};

    /// What is known of files and the network by the kernel that this was written for; older ones restrict less.
    const KERNEL: ABI = ABI::V5;

    /// What is read once a run goes on: what libpcap asks of interfaces at each look at its counters, and the local time.
    const READ: [&str; 4] = ["/sys/class/net", "/sys/devices", "/etc/localtime", "/usr/share/zoneinfo"];

    /// Becomes another user where this is root, that of `--user` or whoever called sudo(8), and gives all up but what the run
    /// needs. `watch` begins to look at processes: Landlock would keep whoever is under it from looking at any other, so that its
    /// thread begins before, with the capabilities for that and no others.
    pub(crate) fn give_up(
        user: Option<&str>,
        needs: &Needs,
        watch: impl FnOnce() -> Result<(), End>,
    ) -> Result<(), End> {
        let user = chosen(user)?;
        let failed = |error: Box<dyn Error>| {
            message::error(format_args!("privileges cannot be given up: {error}"));
            End::Said(exit::PERMISSION)
        };
        // Which may lie where the new user cannot look.
        let writes: Vec<_> = needs.writes.iter().map(|path| place(path)).collect();
        let rules = rules(&writes).map_err(failed)?;
        let captures = if needs.captures { CAPTURES } else { CapabilitySet::empty() };
        let looks = if needs.processes { LOOKS } else { CapabilitySet::empty() };
        become_user(user.as_ref(), captures | looks).map_err(failed)?;
        set_no_new_privs(true).map_err(|error| failed(error.into()))?;
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
        crate::cli::calls::refuse();
        watch()?;
        keep(captures).map_err(failed)?;
        rules.no_new_privs(true).restrict_self().map_err(|error| failed(error.into()))?;
        if needs.tries {
            writes.iter().try_for_each(|folder| try_folder(folder))?;
        }
        Ok(())
    }

    /// Who the run goes on as.
    struct Chosen {
        uid: Uid,
        gid: Gid,
        /// Whose groups are those of the run.
        name: Option<CString>,
    }

    fn chosen(user: Option<&str>) -> Result<Option<Chosen>, End> {
        let refuse = |reason: String| {
            message::error(format_args!("--user: {reason}"));
            End::Said(exit::USAGE)
        };
        let of = |user: User| Chosen { uid: user.uid, gid: user.gid, name: CString::new(user.name).ok() };
        if !geteuid().is_root() {
            return match user {
                Some(_) => Err(refuse("only root can become another user".to_owned())),
                None => Ok(None),
            };
        }
        if let Some(user) = user {
            let found = match user.parse() {
                Ok(number) => User::from_uid(Uid::from_raw(number)),
                Err(_) => User::from_name(user),
            };
            return match found {
                Ok(Some(user)) => Ok(Some(of(user))),
                Ok(None) => Err(refuse(format!("there is no user {user}"))),
                Err(error) => Err(refuse(format!("{user}: {error}"))),
            };
        }
        let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
        let Some(uid) = number("SUDO_UID").filter(|&uid| uid != 0).map(Uid::from_raw) else {
            return Ok(None);
        };
        Ok(Some(match User::from_uid(uid) {
            Ok(Some(user)) => of(user),
            _ => Chosen { uid, gid: Gid::from_raw(number("SUDO_GID").unwrap_or(uid.as_raw())), name: None },
        }))
    }

    /// What opens an interface.
    const CAPTURES: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);
    /// What looks at the open files of others' processes.
    const LOOKS: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);

    /// Whether sockets of other users' processes are told, by the capabilities of the thread that looks.
    pub(crate) fn may_see_processes() -> bool {
        capabilities(None).is_ok_and(|sets| sets.effective.contains(LOOKS))
    }

    /// Becomes that user, and empties all sets of capabilities but for these, as far as there are any.
    fn become_user(user: Option<&Chosen>, wanted: CapabilitySet) -> Result<(), Box<dyn Error>> {
        for capability in CapabilitySet::all().iter() {
            // Not allowed to a program that has few; and older kernels have fewer.
            let _ = remove_capability_from_bounding_set(capability);
        }
        set_keep_capabilities(!wanted.is_empty())?;
        if let Some(Chosen { uid, gid, name }) = user {
            match name {
                Some(name) => initgroups(name, *gid)?,
                None => setgroups(&[*gid])?,
            }
            setresgid(*gid, *gid, *gid)?;
            setresuid(*uid, *uid, *uid)?;
        }
        let _ = clear_ambient_capability_set();
        keep(wanted)
    }

    /// Leaves the thread that looks at processes nothing but what it needs for that: it begins with what its maker has.
    pub(crate) fn only_look() {
        // Dropping is always allowed.
        let _ = keep(LOOKS);
    }

    /// Empties all sets of capabilities but for these, as far as there are any.
    fn keep(wanted: CapabilitySet) -> Result<(), Box<dyn Error>> {
        let (kept, none) = (capabilities(None)?.permitted & wanted, CapabilitySet::empty());
        set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none })?;
        Ok(())
    }

    /// Nothing but these places, and no connection: as far as the kernel can.
    fn rules(writes: &[PathBuf]) -> Result<RulesetCreated, Box<dyn Error>> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(KERNEL))?
            .handle_access(AccessNet::from_all(KERNEL))?
            .create()?;
        let terminal = AccessFs::from_file(KERNEL) & !AccessFs::Execute;
        let files = AccessFs::from_all(KERNEL) & !AccessFs::Execute;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let known = READ.iter().map(|path| (Path::new(path), read));
        let terminals = ["/dev/null", "/dev/tty"].iter().map(|path| (Path::new(path), terminal));
        let writes = writes.iter().map(|path| (&**path, files));
        for (path, access) in known.chain(terminals).chain(writes) {
            // What is not there is not needed.
            let Ok(file) = PathFd::new(path) else { continue };
            let is_file = fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir());
            let access = if is_file { access & AccessFs::from_file(KERNEL) } else { access };
            rules = rules.add_rule(PathBeneath::new(file, access))?;
        }
        Ok(rules)
    }

    /// Where to write for a file of that name: its folder, which its temporary lies in, too; or what is no file itself.
    fn place(path: &Path) -> PathBuf {
        let whole = fs::canonicalize(path);
        match &whole {
            Ok(whole) if !whole.is_file() => whole.clone(),
            _ => {
                let path = whole.as_deref().unwrap_or(path);
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.unwrap_or(Path::new(".")).to_owned()
            }
        }
    }

    /// Ends a run that could not write there.
    fn try_folder(folder: &Path) -> Result<(), End> {
        if !folder.is_dir() {
            return Ok(());
        }
        tempfile::Builder::new().prefix(".portolan").tempfile_in(folder).map(drop).map_err(|error| {
            let user = User::from_uid(geteuid()).ok().flatten().map_or(String::new(), |user| user.name);
            // A path that is written into the error already.
            let reason = error.kind();
            message::error(format_args!("cannot write: {}: {reason}, as user {user}", folder.display()));
            End::Said(exit::OUTPUT)
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        fs::{self, File},
        io::{ErrorKind, Read as _, Seek as _},
        net::TcpStream,
        thread,
    };

    use super::*;

    /// Skips, with the reason, what only root or a newer kernel can show.
    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says why")]
    fn nothing_is_left_but_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().to_owned();
        let other = tempfile::tempdir().unwrap();
        let elsewhere = other.path().join("file");
        // It holds for this thread, and for no other test.
        let given_up = thread::spawn(move || {
            let mut status = File::open("/proc/thread-self/status").unwrap();
            let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
            let needs = Needs { writes: vec![own.join("file")], tries: true, ..Needs::default() };
            // Root stays root, so that no other thread becomes another user.
            assert!(give_up(is_root.then_some("root"), &needs, || Ok(())).is_ok());
            let mut text = String::new();
            status.rewind().unwrap();
            status.read_to_string(&mut text).unwrap();
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.trim_start_matches(':').trim().to_owned()
            };
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(field(set), "0".repeat(16), "{set}");
            }
            if is_root {
                assert_eq!(field("CapBnd"), "0".repeat(16));
            }
            assert_eq!(field("NoNewPrivs"), "1");
            fs::write(own.join("file"), "written").unwrap();
            let kind = |tried: std::io::Result<()>| tried.map_err(|error| error.kind());
            [
                kind(File::open("/etc/hostname").map(drop)),
                kind(fs::write(&elsewhere, "not written")),
                kind(TcpStream::connect("127.0.0.1:9").map(drop)),
                // And so do threads that it starts.
                kind(thread::spawn(|| File::open("/etc/passwd").map(drop)).join().unwrap()),
            ]
        });
        let tried = given_up.join().unwrap();
        let lsm = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
        if tried[0].is_ok() && !lsm.contains("landlock") {
            eprintln!("skipped: this kernel has no Landlock");
            return;
        }
        assert_eq!(tried, [Err(ErrorKind::PermissionDenied); 4]);
        assert!(File::open("/etc/passwd").is_ok(), "other threads keep what they have");
    }
}
