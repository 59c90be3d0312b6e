//! The whole public interface, named with full signatures: what compiles here keeps compiling for users.
//!
//! A change that breaks this file breaks a program somewhere and belongs into a new version by the rules of semantic
//! versioning. A new public item is added here together with its documentation.
//!
//! Nothing is computed; functions are only given the types that they must have.
#![expect(clippy::type_complexity, reason = "signatures are written out on purpose")]

use std::fmt::{Debug, Display};

use lzn_latent::alignment::{self, Loss};
use lzn_latent::field::{FieldAt, FieldCotangents, FieldGradients, ZoneField};
use lzn_latent::{
    AnchorTrace, Anchors, Assignment, AssignmentGradients, EndPoint, Estimate, Horizon, LatentError, LatentGradients,
    LatentTrace, Node, Parallel, Plan, Real, Rows, SampledAnchors, SampledTrace, Sampling, Scheme, Solver, Unit, Work,
    ZoneFlow, nearest, zone_hit_rate,
};
use ndarray::{ArcArray2, Array1, Array2, Array3, ArrayView1, ArrayView2, array};

type Result<T> = std::result::Result<T, LatentError>;

/// Compiles if the type can be copied about, shown, compared and sent between threads.
fn plain<T: Clone + Debug + PartialEq + Send + Sync + 'static>() {}

fn plain_and_copied<T: Clone + Copy + Debug + PartialEq + Send + Sync + 'static>() {}

/// What keeps its anchors, and can be kept itself.
fn trace<T: Debug + Send + Sync + 'static>() {}

fn anchors<F: Real>() {
    let _: fn(Array2<F>) -> Result<Anchors<F>> = Anchors::new;
    let _: fn(ArcArray2<F>) -> Result<Anchors<F>> = Anchors::shared;
    let _: fn(Anchors<F>, Array1<F>) -> Result<Anchors<F>> = Anchors::with_weights;
    let _: fn(&Anchors<F>) -> usize = Anchors::len;
    let _: fn(&Anchors<F>) -> bool = Anchors::is_empty;
    let _: fn(&Anchors<F>) -> usize = Anchors::dim;
    let _: for<'a> fn(&'a Anchors<F>) -> ArrayView2<'a, F> = Anchors::points;
    let _: for<'a> fn(&'a Anchors<F>) -> Option<&'a Array1<F>> = Anchors::log_weights;
    let _: fn(ArrayView2<'_, F>, &Anchors<F>) -> Result<Vec<usize>> = nearest;
    let _: fn(ArrayView2<'_, F>, &Anchors<F>, &[usize]) -> Result<f64> = zone_hit_rate;
    let _: fn(f64) -> F = F::of;
    let _: fn(F) -> f64 = F::wide;
}

fn flow() {
    let _: fn(Solver) -> Result<ZoneFlow> = ZoneFlow::new;
    let _: fn(ZoneFlow, Parallel) -> ZoneFlow = ZoneFlow::with_parallel;
    let _: fn(&dyn Scheme) -> [Result<Plan>; 2] = |scheme| [scheme.to_latents(), scheme.to_anchors()];
    let _: fn(f64, Vec<Node>, EndPoint, Unit) -> Result<Plan> = Plan::new;
    let _: fn(f64, Vec<f64>) -> Node = Node::new;
    let _: fn(&Plan) -> Unit = Plan::unit;
    let _: fn(&Horizon, usize, f64) -> f64 = Horizon::merging;
    let _: [f64; 5] = [Horizon::FAINT, Horizon::LATEST, Horizon::ARRIVED, Horizon::LEAD, Horizon::EARLY];
    let _: (i32, usize) = (Horizon::OCTAVES, Horizon::BISECTIONS);
    let _: fn(&ZoneFlow) -> Parallel = ZoneFlow::parallel;
    let _: for<'a> fn(&'a ZoneFlow) -> &'a Plan = ZoneFlow::to_latents_plan;
    let _: for<'a> fn(&'a ZoneFlow) -> &'a Plan = ZoneFlow::to_anchors_plan;
    let _: fn(&Plan) -> f64 = Plan::start;
    let _: for<'a> fn(&'a Plan) -> &'a [Node] = Plan::nodes;
    let _: fn(&Plan) -> EndPoint = Plan::end_point;
    let _: fn(&Plan) -> usize = Plan::history;
    let _: fn(&Node) -> f64 = Node::tau;
    let _: for<'a> fn(&'a Node) -> &'a [f64] = Node::coefficients;
}

fn to_latents<F: Real>() {
    let _: fn(&ZoneFlow, &Anchors<F>, &[usize], ArrayView2<'_, F>) -> Result<Array2<F>> = ZoneFlow::to_latents;
    let _: fn(&ZoneFlow, &Anchors<F>, &[usize], ArrayView2<'_, F>) -> Result<LatentTrace<F>> = ZoneFlow::trace_latents;
    let _: for<'a> fn(&'a LatentTrace<F>) -> ArrayView2<'a, F> = LatentTrace::latents;
    let _: fn(&LatentTrace<F>, ArrayView2<'_, F>) -> Result<LatentGradients<F>> = LatentTrace::vjp;
    let _: fn(LatentTrace<F>, ArrayView2<'_, F>) -> Result<(Array2<F>, LatentGradients<F>)> = LatentTrace::into_vjp;
    let _: fn(&LatentTrace<F>) -> Array1<F> = LatentTrace::starts;
    let _: fn(&LatentTrace<F>) -> Work = LatentTrace::work;
    let _ = |work: Work| -> [usize; 3] { [work.evaluations, work.pairs, work.most] };
    let _ = |gradients: LatentGradients<F>| -> (Array2<F>, Array2<F>, Array1<F>) {
        (gradients.anchors, gradients.noise, gradients.log_weights)
    };
}

fn to_anchors<F: Real>() {
    let _: fn(&ZoneFlow, ArrayView2<'_, F>, &Anchors<F>, Option<&[usize]>) -> Result<Assignment<F>> =
        ZoneFlow::to_anchors;
    let _: fn(&ZoneFlow, ArrayView2<'_, F>, &Anchors<F>) -> Result<Array3<F>> = ZoneFlow::all_log_probs;
    let _: fn(&ZoneFlow, ArrayView2<'_, F>, &Anchors<F>, &[usize]) -> Result<AnchorTrace<F>> = ZoneFlow::trace_anchors;
    let _: for<'a> fn(&'a AnchorTrace<F>) -> ArrayView2<'a, F> = AnchorTrace::end_points;
    let _: for<'a> fn(&'a AnchorTrace<F>) -> ArrayView2<'a, F> = AnchorTrace::own_log_probs;
    let _: fn(&AnchorTrace<F>, Option<ArrayView2<'_, F>>, Option<ArrayView2<'_, F>>) -> Result<AssignmentGradients<F>> =
        AnchorTrace::vjp;
    let _ = |assignment: Assignment<F>| -> (Array2<F>, Option<Array2<F>>) {
        (assignment.end_points, assignment.own_log_probs)
    };
    let _ = |gradients: AssignmentGradients<F>| -> (Array2<F>, Array2<F>, Array1<F>) {
        (gradients.latents, gradients.anchors, gradients.log_weights)
    };
}

fn sampled<F: Real>() {
    let _: fn(usize) -> Sampling = Sampling::of;
    let _ = |sampling: Sampling| -> (usize, usize, u64) { (sampling.count, sampling.neighbours, sampling.seed) };
    let _: fn(&Anchors<F>, Sampling) -> Result<SampledAnchors<F>> = Anchors::sampled;
    let _: for<'a> fn(&'a SampledAnchors<F>) -> &'a Anchors<F> = SampledAnchors::anchors;
    let _: for<'a> fn(&'a SampledAnchors<F>) -> &'a [usize] = SampledAnchors::sample;
    let _: fn(&SampledAnchors<F>, &ZoneFlow, &[usize], ArrayView2<'_, F>) -> Result<Array2<F>> =
        SampledAnchors::to_latents;
    let _: fn(&SampledAnchors<F>, &ZoneFlow, &[usize], ArrayView2<'_, F>) -> Result<SampledTrace<F>> =
        SampledAnchors::trace_latents;
    let _: fn(&SampledAnchors<F>, &ZoneFlow, ArrayView2<'_, F>, Option<&[usize]>) -> Result<Assignment<F>> =
        SampledAnchors::to_anchors;
    let _: fn(&SampledAnchors<F>, &ZoneFlow, &[usize], ArrayView2<'_, F>) -> Result<Estimate> =
        SampledAnchors::estimate_error;
    let _ = |estimate: Estimate| -> [f64; 2] { [estimate.rms, estimate.share] };
    let _: for<'a> fn(&'a SampledTrace<F>) -> ArrayView2<'a, F> = SampledTrace::latents;
    let _: fn(&SampledTrace<F>) -> f64 = SampledTrace::share;
    let _: fn(&SampledTrace<F>, ArrayView2<'_, F>) -> Result<LatentGradients<F>> = SampledTrace::vjp;
}

fn field<F: Real>() {
    let _: fn(&'static Anchors<F>, f64) -> Result<ZoneField<'static, F>> = ZoneField::new;
    let _: fn(ZoneField<'static, F>, Parallel) -> ZoneField<'static, F> = ZoneField::with_parallel;
    let _: fn(&ZoneField<'static, F>) -> f64 = ZoneField::time;
    let _: fn(&ZoneField<'static, F>, ArrayView2<'_, F>) -> Result<FieldAt<F>> = ZoneField::at;
    let _: for<'b> fn(&'b FieldAt<F>) -> ArrayView2<'b, F> = FieldAt::mean;
    let _: for<'b> fn(&'b FieldAt<F>) -> ArrayView2<'b, F> = FieldAt::velocity;
    let _: for<'b> fn(&'b FieldAt<F>) -> ArrayView1<'b, F> = FieldAt::log_partition;
    let _: fn(&FieldAt<F>) -> Array2<F> = FieldAt::weights;
    let _: fn(&FieldAt<F>, &FieldCotangents<'_, F>) -> Result<FieldGradients<F>> = FieldAt::vjp;
    let nothing = FieldCotangents::<F>::default();
    let _: (Option<ArrayView2<'_, F>>, Option<ArrayView2<'_, F>>) = (nothing.mean, nothing.velocity);
    let _: (Option<ArrayView1<'_, F>>, Option<ArrayView2<'_, F>>) = (nothing.log_partition, nothing.weights);
    let _ = |gradients: FieldGradients<F>| -> (Array2<F>, Array2<F>, Array1<F>) {
        (gradients.points, gradients.anchors, gradients.log_weights)
    };
}

fn losses<F: Real>() {
    let _: fn(ArrayView2<'_, F>, f64) -> Result<Loss<F>> = alignment::probability_loss;
    let _: fn(ArrayView2<'_, F>, f64) -> Result<Loss<F>> = alignment::log_loss;
    let _: fn(ArrayView2<'_, F>) -> Result<F> = alignment::final_accuracy;
    let _ = |loss: Loss<F>| -> (F, Array2<F>) { (loss.value, loss.gradient) };
}

/// Every error with every field; matching needs a last arm, because more may come.
fn errors(error: LatentError) -> Option<Rows> {
    match error {
        LatentError::NoSteps | LatentError::NoSample => None,
        LatentError::NoAnchors { operation } | LatentError::NoWeight { operation } => {
            let _: &'static str = operation;
            None
        }
        LatentError::Shape { operation, argument, expected, got } => {
            let _: (&'static str, &'static str, Vec<usize>, Vec<usize>) = (operation, argument, expected, got);
            None
        }
        LatentError::NonFinite { operation: _, argument: _, rows }
        | LatentError::Weight { operation: _, rows }
        | LatentError::Overflow { operation: _, rows } => Some(rows),
        LatentError::Owner { operation: _, row, owner, anchors } => {
            let _: (usize, i64, usize) = (row, owner, anchors);
            None
        }
        LatentError::EmptyZone { operation: _, row, owner } => {
            let _: (usize, usize) = (row, owner);
            None
        }
        LatentError::Plan { fault } => {
            let _: &'static str = fault;
            None
        }
        LatentError::Order { order } => {
            let _: usize = order;
            None
        }
        LatentError::EndTime { name, value, limit } => {
            let _: (&'static str, f64, f64) = (name, value, limit);
            None
        }
        LatentError::Time { operation: _, value } => {
            let _: f64 = value;
            None
        }
        LatentError::CutOff { cut_off, steps } => {
            let _: (f64, usize) = (cut_off, steps);
            None
        }
        _ => None,
    }
}

#[test]
fn every_function_has_the_signature_that_users_rely_on() {
    anchors::<f32>();
    anchors::<f64>();
    to_latents::<f32>();
    to_latents::<f64>();
    to_anchors::<f32>();
    to_anchors::<f64>();
    sampled::<f32>();
    sampled::<f64>();
    field::<f32>();
    field::<f64>();
    losses::<f32>();
    losses::<f64>();
    flow();
}

#[test]
fn every_type_has_the_traits_that_users_rely_on() {
    plain::<Anchors<f32>>();
    plain::<Assignment<f32>>();
    plain::<AssignmentGradients<f64>>();
    plain::<LatentGradients<f64>>();
    plain::<LatentError>();
    plain::<Loss<f32>>();
    plain::<Node>();
    plain::<Plan>();
    plain::<Rows>();
    plain::<SampledAnchors<f32>>();
    plain::<ZoneFlow>();
    trace::<LatentTrace<f32>>();
    trace::<AnchorTrace<f64>>();
    trace::<SampledTrace<f32>>();
    trace::<FieldAt<f32>>();
    trace::<ZoneField<'static, f64>>();
    plain::<FieldGradients<f32>>();
    plain_and_copied::<EndPoint>();
    plain_and_copied::<Estimate>();
    plain_and_copied::<Sampling>();
    plain_and_copied::<Horizon>();
    plain_and_copied::<Unit>();
    plain_and_copied::<Work>();
    plain_and_copied::<Parallel>();
    plain_and_copied::<Solver>();
    let _: fn(LatentError) -> Box<dyn std::error::Error + Send + Sync> = |error| Box::new(error);
    let _: fn(&Rows) -> &dyn Display = |rows| rows;
    assert_eq!(Parallel::default(), Parallel::Rayon);
    assert_ne!(Parallel::No, Parallel::Rayon);
}

#[test]
fn solvers_can_be_named_in_constants_and_built_from_their_parts() {
    const EULER: Solver = Solver::euler(20);
    const DPM: Solver = Solver::dpm(20);
    assert_eq!(EULER, Solver::Euler { steps: 20, start: 1e-4 });
    assert_eq!(DPM, Solver::DpmSolver { steps: 20, order: 3, start: 1e-3, end: 1e-3 });
    assert_eq!((EULER.steps(), DPM.steps()), (20, 20));
    assert_eq!(Solver::default(), Solver::Multistep { evaluations: 6 });
    assert_eq!(ZoneFlow::default(), ZoneFlow::new(Solver::multistep(6)).unwrap());
    let ends = [EULER, DPM].map(|solver| ZoneFlow::new(solver).unwrap().to_anchors_plan().end_point());
    assert_eq!(ends[0], EndPoint::Mean);
    assert!(matches!(ends[1], EndPoint::State { t, tau } if t > 0.0 && tau > 0.0));
}

#[test]
fn errors_give_their_parts_as_data() {
    let rows = errors(Anchors::new(array![[0.0], [f64::NAN]]).unwrap_err()).unwrap();
    let first: &[usize] = rows.first();
    assert_eq!((first, rows.total()), (&[1][..], 1));
    assert_eq!(errors(ZoneFlow::new(Solver::euler(0)).unwrap_err()), None);
}
