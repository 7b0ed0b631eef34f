//! What the processes below this one take: CPU time, and memory at its peak.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use crate::processes::{Process, peak, resident};

/// Between two looks at the memory.
const SAMPLE: Duration = Duration::from_millis(50);
/// Looks at known processes before new ones are searched for.
const SEARCH_EVERY: u32 = 4;

/// Seconds of all processes that this one has ever started, and of those they started. What has ended counts as long as its parent
/// waited for it.
pub(crate) fn cpu_seconds_below() -> Result<f64> {
    let own = Process::own()?;
    let below: Duration = below(own.pid)?.iter().map(|process| process.cpu + process.cpu_waited_for).sum();
    Ok((below + own.cpu_waited_for).as_secs_f64())
}

/// Looks at the memory of all processes below this one until it is dropped.
#[derive(Debug)]
pub(crate) struct PeakMemory {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PeakMemory {
    pub(crate) fn watch() -> Self {
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&peak), Arc::clone(&stop));
        let thread = std::thread::spawn(move || look(&seen, &stopped));
        Self { peak, stop, thread: Some(thread) }
    }

    /// The most bytes that were resident in all of them together when looked at, or in one of them at any time.
    pub(crate) fn bytes(&self) -> u64 {
        let alone = all_below().into_iter().filter_map(|process| peak(process.pid));
        self.peak.load(Ordering::Relaxed).max(alone.max().unwrap_or(0))
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn look(most: &AtomicU64, stop: &AtomicBool) {
    let mut known = Vec::new();
    for round in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if round % SEARCH_EVERY == 0 {
            known = all_below();
        }
        let bytes = known.iter().filter_map(|process| resident(process.pid));
        most.fetch_max(bytes.sum(), Ordering::Relaxed);
        std::thread::sleep(SAMPLE);
    }
}

fn all_below() -> Vec<Process> {
    below(std::process::id()).unwrap_or_default()
}

/// Children, their children and so on; what ends meanwhile is left out.
fn below(root: u32) -> Result<Vec<Process>> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for process in Process::all()? {
        children.entry(process.parent).or_default().push(process);
    }
    let (mut found, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            parents.push(process.pid);
            found.push(process);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_time_of_a_child_that_ended_counts() {
        let before = cpu_seconds_below().unwrap();
        // The shell's own child does the work, and both end.
        let script = "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); true";
        assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
        assert!(cpu_seconds_below().unwrap() > before);
    }

    #[test]
    fn the_memory_of_a_child_is_seen() {
        let watch = PeakMemory::watch();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        while watch.bytes() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
