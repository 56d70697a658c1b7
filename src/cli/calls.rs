//! System calls that a live run never makes, refused by the kernel (seccomp(2)) once it has given up its privileges.
//!
//! A list of what is refused, not of what is allowed: libraries find new ways to do what they may, and what is refused here none of
//! them has to do. Whoever takes a run over can start no program with it, look into no other process, and change nothing of the
//! system, even where a fault of the kernel's would give it back a capability.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// What is refused with EPERM.
const REFUSED: &[c_long] = &[
    // Programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // What files there are.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    // Other namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // The kernel itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_personality,
    // Keys, clocks and names.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Refuses these calls to the calling thread and those that it starts, where the kernel and this build know how.
pub(super) fn refuse() {
    // One that does not know them refuses nothing, as older kernels have no Landlock either.
    let _ = program().map(|program| apply_filter(&program));
}

fn program() -> Option<BpfProgram> {
    let target = TargetArch::try_from(std::env::consts::ARCH).ok()?;
    let rules: BTreeMap<_, _> = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let refusal = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, target).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, io::ErrorKind, process::Command, thread};

    use super::*;

    /// Skips, with the reason, where the kernel has no seccomp.
    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says why")]
    fn no_program_can_be_started_any_more() {
        let status = || fs::read_to_string("/proc/thread-self/status").unwrap();
        if !status().contains("\nSeccomp:") {
            eprintln!("skipped: this kernel has no seccomp");
            return;
        }
        let start =
            || Command::new("true").status().map(|status| status.success()).map_err(|error| error.kind());
        // It holds for this thread, and for no other test.
        let refused = thread::spawn(move || {
            assert!(start().unwrap());
            refuse();
            assert!(status().contains("\nSeccomp:\t2\n"), "{}", status());
            // Files and threads are as they were.
            assert!(fs::read("/proc/version").is_ok());
            [start(), thread::spawn(start).join().unwrap()]
        });
        assert_eq!(refused.join().unwrap(), [Err(ErrorKind::PermissionDenied); 2]);
        assert!(start().unwrap(), "other threads keep what they have");
    }
}
