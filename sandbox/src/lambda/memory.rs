//! How much memory a worker process has used.

const KIB_PER_MB: u64 = 1024;

/// The largest resident set that the process has had so far, in MB rounded up; None when the process is gone.
///
/// The kernel keeps this mark, so a peak between two looks is not missed. It counts the pages of mapped files as well.
pub(super) fn peak_mb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    peak_from_status(&status)
}

/// The line is `VmHWM:      1234 kB`; a zombie has none (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn peak_from_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.div_ceil(KIB_PER_MB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_mb_rounded_up() {
        assert_eq!(peak_from_status("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    2049 kB\nVmRSS:\t 12 kB\n"), Some(3));
        assert_eq!(peak_from_status("Name:\tx\nState:\tZ (zombie)\n"), None);
        assert!(peak_mb(std::process::id()).is_some_and(|mb| mb > 0));
    }
}
