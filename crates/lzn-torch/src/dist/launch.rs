//! What a launcher says to each of the processes that it starts.

use std::net::{IpAddr, UdpSocket};

use super::DistError;

/// The place of this process among those that work together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Number of this process, from 0 to below `size`.
    pub rank: usize,
    /// Its number among those of this machine, which is that of its CUDA device.
    pub local_rank: usize,
    /// How many processes there are on all machines.
    pub size: usize,
    /// Name or address of the machine of process 0.
    pub host: String,
    /// Port there through which the processes find each other.
    pub port: u16,
    /// Whether the launcher itself listens there, as torchrun does; else process 0 must.
    pub agent_listens: bool,
}

/// Variables for the same three numbers, by launcher; the first that is set counts.
struct Names {
    rank: &'static str,
    size: &'static str,
    local_rank: &'static str,
    /// Whether they are to be believed only beside a MASTER_ADDR: Slurm sets them in scripts of a single process too.
    with_address: bool,
}

const LAUNCHERS: [Names; 5] = [
    Names { rank: "RANK", size: "WORLD_SIZE", local_rank: "LOCAL_RANK", with_address: false },
    Names {
        rank: "OMPI_COMM_WORLD_RANK",
        size: "OMPI_COMM_WORLD_SIZE",
        local_rank: "OMPI_COMM_WORLD_LOCAL_RANK",
        with_address: true,
    },
    Names { rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", local_rank: "SLURM_LOCALID", with_address: true },
    Names { rank: "SLURM_PROCID", size: "SLURM_NTASKS", local_rank: "SLURM_LOCALID", with_address: true },
    // Hydra, which starts the processes of MPICH and Intel MPI.
    Names { rank: "PMI_RANK", size: "PMI_SIZE", local_rank: "MPI_LOCALRANKID", with_address: true },
];

/// The port where nothing says another: that of torchrun.
const PORT: u16 = 29_500;

impl Launch {
    /// What the environment says: the variables of torchrun (`RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR`, `MASTER_PORT`), or beside
    /// a `MASTER_ADDR` those of Open MPI, Slurm, or MPICH. `WORLD_SIZE` counts processes. None where no launcher has said anything.
    ///
    /// # Errors
    /// [`DistError::Variable`] names the variable that is missing or no number in its range.
    pub fn from_env() -> Result<Option<Self>, DistError> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// The same from any source of variables.
    ///
    /// # Errors
    /// As [`Launch::from_env`].
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, DistError> {
        let address = variable("MASTER_ADDR");
        let set = |names: &&Names| {
            (!names.with_address || address.is_some())
                && variable(names.rank).is_some()
                && variable(names.size).is_some()
        };
        // One of the two alone is a mistake only where nobody sets it for other reasons.
        let Some(names) = LAUNCHERS.iter().find(set).or_else(|| variable("RANK").map(|_| &LAUNCHERS[0])) else {
            return Ok(None);
        };
        let size = number(names.size, variable(names.size))?;
        let rank = number(names.rank, variable(names.rank))?;
        if rank >= size {
            return Err(wrong(names.rank, format!("is {rank}, but there are {size} processes ({})", names.size)));
        }
        let local_rank = variable(names.local_rank).map_or(Ok(0), |text| number(names.local_rank, Some(text)))?;
        let port = match variable("MASTER_PORT") {
            None => PORT,
            Some(text) => text.trim().parse().map_err(|_| wrong("MASTER_PORT", format!("is `{text}`, no port")))?,
        };
        // Alone there is nobody to meet.
        let host = match address {
            None if size > 1 => return Err(wrong("MASTER_ADDR", "is not set".to_owned())),
            other => other.unwrap_or_default(),
        };
        let agent_listens = variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|text| text == "True");
        Ok(Some(Self { rank, local_rank, size, host, port, agent_listens }))
    }

    /// The address by which the others reach this process: the one from which it reaches the machine of process 0. Nothing is sent.
    /// None where that machine cannot be found.
    pub(super) fn own_address(&self) -> Option<IpAddr> {
        let any = |any: &str| {
            let socket = UdpSocket::bind(any).ok()?;
            socket.connect((self.host.as_str(), self.port)).ok()?;
            Some(socket.local_addr().ok()?.ip())
        };
        any("0.0.0.0:0").or_else(|| any("[::]:0"))
    }
}

fn wrong(name: &'static str, problem: String) -> DistError {
    DistError::Variable { name, problem }
}

fn number(name: &'static str, text: Option<String>) -> Result<usize, DistError> {
    let text = text.ok_or_else(|| wrong(name, "is not set".to_owned()))?;
    text.trim().parse().map_err(|_| wrong(name, format!("is `{text}`, which is no number from 0 on")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Result<Option<Launch>, String> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Launch::of(get).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_launcher_there_is_nothing_to_join() {
        assert_eq!(launch(&[("HOME", "/")]), Ok(None));
        // A script of Slurm that runs one process.
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]), Ok(None));
    }

    #[test]
    fn the_variables_of_all_launchers_say_the_same() {
        let expected =
            Launch { rank: 5, local_rank: 1, size: 8, host: "node-0".to_owned(), port: 1234, agent_listens: false };
        let at = [("MASTER_ADDR", "node-0"), ("MASTER_PORT", "1234")];
        for names in [
            ["RANK", "WORLD_SIZE", "LOCAL_RANK"],
            ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"],
            ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"],
            ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"],
            ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"],
        ] {
            let numbers = [(names[0], "5"), (names[1], "8"), (names[2], "1")];
            assert_eq!(launch(&[numbers.as_slice(), &at].concat()), Ok(Some(expected.clone())), "{names:?}");
        }
        let agent = [("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1"), ("TORCHELASTIC_USE_AGENT_STORE", "True")];
        assert!(launch(&[agent.as_slice(), &at].concat()).unwrap().unwrap().agent_listens);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (variables, name) in [
            (vec![("RANK", "0")], "WORLD_SIZE is not set"),
            (vec![("RANK", "0"), ("WORLD_SIZE", "2")], "MASTER_ADDR is not set"),
            (vec![("RANK", "2"), ("WORLD_SIZE", "2")], "RANK is 2"),
            (vec![("RANK", "-1"), ("WORLD_SIZE", "2")], "RANK is `-1`"),
            (vec![("RANK", "0"), ("WORLD_SIZE", "two")], "WORLD_SIZE is `two`"),
            (vec![("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_PORT", "70000")], "MASTER_PORT is `70000`"),
        ] {
            let message = launch(&variables).unwrap_err();
            assert!(message.starts_with(name), "{message}");
        }
        assert_eq!(launch(&[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap().unwrap().size, 1);
    }

    #[test]
    fn the_own_address_is_that_towards_the_first_process() {
        let here = [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")];
        let launch = launch(&here).unwrap().unwrap();
        assert_eq!(launch.own_address(), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(launch.port, 29_500);
    }
}
