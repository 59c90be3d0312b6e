//! A group of processes, or one of its own.

use std::sync::Arc;
use std::time::Duration;

use tch::{Device, Kind, Tensor};

use super::{Backend, DistError, Group, Launch, Reduce, Traffic, gather};
use crate::TorchError;

/// The processes that work on one thing: a [`Group`], or this one alone, for which everything here does nothing.
///
/// Clones are handles on the same.
#[derive(Debug, Clone, Default)]
pub struct World(Option<Arc<Group>>);

impl World {
    /// This process alone.
    pub fn alone() -> Self {
        Self::default()
    }

    /// The processes that a launcher has started; alone if it has started one.
    ///
    /// # Errors
    /// As [`Group::open`].
    pub fn join(launch: &Launch, backend: Backend, limit: Duration) -> Result<Self, DistError> {
        match launch.size {
            1 => Ok(Self::alone()),
            _ => Ok(Self(Some(Arc::new(Group::open(launch, backend, limit)?)))),
        }
    }

    /// The group; none for a process of its own.
    pub fn group(&self) -> Option<&Arc<Group>> {
        self.0.as_ref()
    }

    /// Number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.0.as_ref().map_or(0, |group| group.rank())
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(1, |group| group.size())
    }

    /// Whether this is process 0, the one that writes files.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether there are no others.
    pub fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// Calls `watch` with the name of every exchange that begins from now on, on the thread that waits for it; what `watch` returns is dropped
    /// when the exchange is over. Of averages of gradients it is told when the backward pass has nothing left to do but to wait for them.
    /// The first watcher stays, and NCCL, whose calls return at once, lets it see little.
    pub fn watched_by<W: Send + 'static>(&self, watch: impl Fn(&'static str) -> W + Send + Sync + 'static) {
        if let Some(group) = &self.0 {
            group.watcher().set(move |operation| Box::new(watch(operation)));
        }
    }

    /// What the exchange has moved and cost so far.
    pub fn traffic(&self) -> Traffic {
        self.0.as_ref().map(|group| group.traffic()).unwrap_or_default()
    }

    /// The place of the first of this process's rows among those of all, where each has `count`.
    pub fn first_row(&self, count: i64) -> i64 {
        self.rank() as i64 * count
    }

    /// The rows of all processes in their order, `[size * n, ...]` of `[n, ...]`, with a gradient: the sum of what all processes send
    /// back to a row, not divided by their number.
    ///
    /// # Errors
    /// [`TorchError::Dist`] when the exchange fails.
    pub fn gather_rows(&self, rows: &Tensor) -> Result<Tensor, TorchError> {
        match &self.0 {
            None => Ok(rows.shallow_clone()),
            Some(group) => gather::gather_rows(group, rows),
        }
    }

    /// The reduction of this tensor over all processes, without a gradient.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn reduced(&self, tensor: &Tensor, reduce: Reduce) -> Result<Tensor, DistError> {
        let Some(group) = &self.0 else { return Ok(tensor.shallow_clone()) };
        let mut copy = tch::no_grad(|| tensor.detach().copy());
        group.all_reduce(&mut copy, reduce)?;
        Ok(copy)
    }

    /// Puts the numbers of process `root` into the tensors of all, which have the same shapes everywhere; tensors with gaps are
    /// allowed.
    ///
    /// # Errors
    /// As [`Group::broadcast`].
    pub fn broadcast(&self, tensors: &[Tensor], root: usize) -> Result<(), DistError> {
        let Some(group) = &self.0 else { return Ok(()) };
        tch::no_grad(|| {
            for tensor in tensors {
                let mut sent = tensor.detach().contiguous();
                group.broadcast(&mut sent, root)?;
                // The same memory where there were no gaps.
                tensor.detach().copy_(&sent);
            }
            Ok(())
        })
    }

    /// The means of these numbers over all processes; NaN where one of them is.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn means(&self, numbers: &[f64]) -> Result<Vec<f64>, DistError> {
        self.of_numbers(numbers, Reduce::Mean)
    }

    /// The sums of these numbers over all processes.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn sums(&self, numbers: &[f64]) -> Result<Vec<f64>, DistError> {
        self.of_numbers(numbers, Reduce::Sum)
    }

    /// Whether it is so in any process.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn any(&self, here: bool) -> Result<bool, DistError> {
        Ok(self.of_numbers(&[f64::from(u8::from(here))], Reduce::Sum)?.first().is_some_and(|count| *count > 0.0))
    }

    /// The bytes of every process, in their order, which may be of different numbers.
    ///
    /// # Errors
    /// As [`Group::all_gather`].
    pub fn gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, DistError> {
        let Some(group) = &self.0 else { return Ok(vec![own.to_vec()]) };
        let lengths: Vec<i64> = values(&group.all_gather(&Tensor::from_slice(&[own.len() as i64]))?)?;
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let mut padded = own.to_vec();
        // At least one: a collective of nothing is none.
        padded.resize(longest.max(1), 0);
        let all: Vec<u8> = values(&group.all_gather(&Tensor::from_slice(&padded))?)?;
        let of = |(part, length): (&[u8], &i64)| part[..*length as usize].to_vec();
        Ok(all.chunks(longest.max(1)).zip(&lengths).map(of).collect())
    }

    /// The bytes of process 0.
    ///
    /// # Errors
    /// As [`Group::broadcast`].
    pub fn bytes_of_first(&self, own: &[u8]) -> Result<Vec<u8>, DistError> {
        let Some(group) = &self.0 else { return Ok(own.to_vec()) };
        let mut length = Tensor::from_slice(&[own.len() as i64]);
        group.broadcast(&mut length, 0)?;
        let length = length.int64_value(&[0]).max(0);
        let mut bytes = match self.is_first() && length > 0 {
            true => Tensor::from_slice(own),
            // At least one, as above.
            false => Tensor::zeros([length.max(1)], (Kind::Uint8, Device::Cpu)),
        };
        group.broadcast(&mut bytes, 0)?;
        let mut bytes: Vec<u8> = values(&bytes)?;
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    /// Returns when all processes have called it, which may take as long as `limit`: for waiting until one has done something alone.
    ///
    /// # Errors
    /// As [`Group::barrier`].
    pub fn barrier(&self, limit: Duration) -> Result<(), DistError> {
        self.0.as_ref().map_or(Ok(()), |group| group.barrier(limit))
    }

    fn of_numbers(&self, numbers: &[f64], reduce: Reduce) -> Result<Vec<f64>, DistError> {
        match &self.0 {
            Some(group) if !numbers.is_empty() => {
                let mut all = Tensor::from_slice(numbers);
                group.all_reduce(&mut all, reduce)?;
                values(&all)
            }
            _ => Ok(numbers.to_vec()),
        }
    }
}

/// The numbers of a tensor of one dimension in main memory.
fn values<T: tch::kind::Element + Copy>(tensor: &Tensor) -> Result<Vec<T>, DistError>
where
    Vec<T>: for<'a> TryFrom<&'a Tensor, Error = tch::TchError>,
{
    let refused = |error: tch::TchError| DistError::Refused { operation: "exchange", problem: error.to_string() };
    Vec::try_from(tensor).map_err(refused)
}
