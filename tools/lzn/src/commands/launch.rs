//! Several processes on this machine that train as one: starting them, passing signals on, and ending all when one dies.
//!
//! Workers are told their places by the variables of torchrun, and are asked to stop through their standard input: a byte asks, its end
//! says that the launcher is gone. They are in process groups of their own, so that a Ctrl-C in the terminal reaches them once, through here.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lzn_tasks::run::StopFlag;

use crate::say::note;

/// Set for workers that a launcher of ours has started.
const LAUNCHED: &str = "LZN_LAUNCHED";

/// How long workers have to notice that one of them has died and to say so, before they are killed: they do so at once, unless they still wait for
/// it to come. Whoever terminated a worker that did not listen yet waits for this, too.
const GRACE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(20);

/// Runs this program with its own arguments in `count` processes that train as one, and waits for them. `threads` says whether the
/// arguments say how many threads each has; otherwise they share the processor.
pub(crate) fn launch(count: usize, threads: bool) -> Result<ExitCode> {
    let stop = StopFlag::on_signals()?;
    let mut workers = start(count, threads)?;
    let mut asked = false;
    loop {
        let ended: Vec<(usize, ExitStatus)> = workers
            .iter_mut()
            .enumerate()
            .filter_map(|(rank, worker)| Some((rank, worker.try_wait().ok()??)))
            .collect();
        if let Some((rank, status)) = first_to_fail(&ended) {
            return Ok(ended_by(rank, status, &mut workers));
        }
        if ended.len() == count {
            return Ok(ended.first().and_then(|(_, status)| code(*status)).unwrap_or(ExitCode::FAILURE));
        }
        if stop.requested() && !asked {
            asked = true;
            workers.iter_mut().filter_map(|worker| worker.stdin.as_mut()).for_each(|pipe| {
                // Who has ended in the meantime needs no asking.
                let _ = pipe.write_all(b"s").and_then(|()| pipe.flush());
            });
        }
        thread::sleep(PAUSE);
    }
}

fn start(count: usize, threads: bool) -> Result<Vec<Child>> {
    // Free now, and most probably in a moment: worker 0 listens there.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).context("no free port")?.port();
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let unset = |name: &str| std::env::var_os(name).is_none();
    let share = thread::available_parallelism().map_or(1, |all| (all.get() / count).max(1));
    let mut workers: Vec<Child> = Vec::new();
    for rank in 0..count {
        let mut command = Command::new(&program);
        let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", count), ("MASTER_PORT", port.into())];
        command.args(std::env::args_os().skip(1)).stdin(Stdio::piped()).env(LAUNCHED, "1");
        command.envs(numbers.map(|(name, value)| (name, value.to_string()))).env("MASTER_ADDR", "127.0.0.1");
        if !threads && unset("OMP_NUM_THREADS") {
            command.env("OMP_NUM_THREADS", share.to_string()).env("RAYON_NUM_THREADS", share.to_string());
        }
        if unset("TORCH_CPP_LOG_LEVEL") {
            // Below are remarks on how it is done, with traces of the stack.
            command.env("TORCH_CPP_LOG_LEVEL", "ERROR");
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        match command.spawn() {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                kill(&mut workers);
                return Err(error).with_context(|| format!("cannot start worker {rank} of {count}"));
            }
        }
    }
    Ok(workers)
}

/// Who failed first: of several that have ended since the last look, one that a signal ended rather than one that noticed it.
fn first_to_fail(ended: &[(usize, ExitStatus)]) -> Option<(usize, ExitStatus)> {
    let failed = || ended.iter().copied().filter(|(_, status)| !status.success() && !interrupted(*status));
    failed().find(|(_, status)| status.code().is_none()).or_else(|| failed().next())
}

/// Says who died and how, gives the others time to say what they noticed, and ends them.
fn ended_by(rank: usize, status: ExitStatus, workers: &mut [Child]) -> ExitCode {
    let (count, process) = (workers.len(), workers[rank].id());
    note(format_args!("worker {rank} of {count} (process {process}) died: {status}; the others are ended"));
    let begin = Instant::now();
    let running = |worker: &mut Child| matches!(worker.try_wait(), Ok(None));
    while begin.elapsed() < GRACE && workers.iter_mut().any(running) {
        thread::sleep(PAUSE);
    }
    kill(workers);
    code(status).unwrap_or(ExitCode::FAILURE)
}

fn kill(workers: &mut [Child]) {
    for worker in workers {
        // Fails for those that have ended, which is what is wanted.
        let _ = worker.kill();
        let _ = worker.wait();
    }
}

fn code(status: ExitStatus) -> Option<ExitCode> {
    u8::try_from(status.code()?).ok().map(ExitCode::from)
}

fn interrupted(status: ExitStatus) -> bool {
    status.code() == Some(super::train::INTERRUPTED.into())
}

/// In a worker of [`launch`]: sets `stop` when the launcher asks, and ends the process when the launcher is gone.
pub(crate) fn obey(stop: &StopFlag) -> Result<()> {
    if std::env::var_os(LAUNCHED).is_none() {
        return Ok(());
    }
    let stop = stop.clone();
    let listen = move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {
            stop.request();
        }
        // Nobody is left who would end this process. What it has saved is whole at any moment.
        std::process::exit(super::train::INTERRUPTED.into());
    };
    thread::Builder::new().name("launcher".to_owned()).spawn(listen).context("cannot start a thread")?;
    Ok(())
}
