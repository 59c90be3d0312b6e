//! What a watcher is told of exchanges: their names, and how long this process waits in them.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lzn_torch::dist::{Buckets, Reducer};
use tch::{Kind, Tensor};

use crate::workers::among;

/// Process 1 is late by so much.
const LATE: Duration = Duration::from_millis(400);

type Seen = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// Keeps what it watches when that is over.
struct Exchange {
    name: &'static str,
    begin: Instant,
    seen: Seen,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.seen.lock().unwrap().push((self.name, self.begin.elapsed()));
    }
}

#[test]
fn exchanges_are_told_of_by_name_and_last_as_long_as_others_are_late() {
    among("watching::exchanges_are_told_of_by_name_and_last_as_long_as_others_are_late", &[2], |world| {
        let (seen, first) = (Seen::default(), world.rank() == 0);
        let late = || if first { Duration::ZERO } else { LATE };
        let own = Arc::clone(&seen);
        world.watched_by(move |name| Exchange { name, begin: Instant::now(), seen: Arc::clone(&own) });

        sleep(late());
        world.means(&[1.0]).unwrap();
        let leaf = Tensor::from_slice(&[1.0, 2.0]).set_requires_grad(true);
        let reducer = Reducer::new(world, &[leaf.shallow_clone()], Buckets::default()).unwrap().unwrap();
        for _ in 0..2 {
            let loss = (&leaf * &leaf).sum(Kind::Double);
            reducer.prepare(&loss).unwrap();
            sleep(late());
            loss.f_backward().unwrap();
        }
        // A pass of this process alone waits for nobody.
        (&leaf * &leaf).sum(Kind::Double).f_backward().unwrap();

        let seen = seen.lock().unwrap();
        let names: Vec<&str> = seen.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["all_reduce", "average of gradients", "average of gradients"]);
        for (name, length) in seen.iter().filter(|_| first) {
            assert!(*length > LATE / 2, "{name} took {length:?}");
        }
    });
}
