//! The layers of Inception-v3 as TensorFlow's graph of 2015-12-05 has them, as tables.
//!
//! Each unit has two names: that of the weights for torch (`Mixed_5b.branch5x5_2`) and that of the graph, which
//! StyleGAN's file keeps (`mixed/tower/conv_1`).

/// One convolution with its normalisation and ReLU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Name among the weights for torch, within its block.
    pub(super) name: &'static str,
    /// Name in the graph, within its block.
    pub(super) graph_name: &'static str,
    /// Channels that it makes.
    pub(super) outputs: i64,
    /// Height and width of the kernel.
    pub(super) kernel: [i64; 2],
    /// 2 halves the size, and then nothing is padded.
    pub(super) stride: i64,
    /// Whether the border is padded so that the size stays.
    pub(super) padded: bool,
}

/// A unit that keeps the size.
const fn unit(name: &'static str, graph_name: &'static str, outputs: i64, height: i64, width: i64) -> Unit {
    Unit { name, graph_name, outputs, kernel: [height, width], stride: 1, padded: true }
}

/// A 3x3 unit that halves the size.
const fn halving(name: &'static str, graph_name: &'static str, outputs: i64) -> Unit {
    Unit { stride: 2, padded: false, ..unit(name, graph_name, outputs, 3, 3) }
}

/// Units one after the other, then several side by side if there are `ends`.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) chain: Vec<Unit>,
    pub(super) ends: Vec<Unit>,
}

/// The branch of a block that begins with a pool of 3x3.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pool {
    /// The mean, of the pixels that there are, and a unit.
    Mean(Unit),
    /// The maximum, and a unit.
    Max(Unit),
    /// The maximum at every other place, and nothing.
    Halving,
}

/// Branches side by side, the pool last.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Name among the weights for torch.
    pub(super) name: &'static str,
    /// Name in the graph.
    pub(super) graph_name: &'static str,
    pub(super) branches: Vec<Branch>,
    pub(super) pool: Pool,
}

/// What comes before the blocks; a 3x3 pool of maxima that halves the size follows each of the two parts.
pub(super) const STEM: [&[Unit]; 2] = [
    &[
        halving("Conv2d_1a_3x3", "conv", 32),
        Unit { padded: false, ..unit("Conv2d_2a_3x3", "conv_1", 32, 3, 3) },
        unit("Conv2d_2b_3x3", "conv_2", 64, 3, 3),
    ],
    &[unit("Conv2d_3b_1x1", "conv_3", 80, 1, 1), Unit { padded: false, ..unit("Conv2d_4a_3x3", "conv_4", 192, 3, 3) }],
];

/// How many blocks there are up to and with `Mixed_6d`, whose first branch sFID compares.
pub(super) const TO_MIXED_6D: usize = 7;

/// All blocks in order, for 35, 17 and 8 pixels.
pub(super) fn blocks() -> Vec<Block> {
    vec![
        block_35("Mixed_5b", "mixed", 32),
        block_35("Mixed_5c", "mixed_1", 64),
        block_35("Mixed_5d", "mixed_2", 64),
        to_17("Mixed_6a", "mixed_3"),
        block_17("Mixed_6b", "mixed_4", 128),
        block_17("Mixed_6c", "mixed_5", 160),
        block_17("Mixed_6d", "mixed_6", 160),
        block_17("Mixed_6e", "mixed_7", 192),
        to_8("Mixed_7a", "mixed_8"),
        block_8("Mixed_7b", "mixed_9", Pool::Mean),
        // The maximum here is what this graph has and its successors do not.
        block_8("Mixed_7c", "mixed_10", Pool::Max),
    ]
}

fn chain<const N: usize>(units: [Unit; N]) -> Branch {
    Branch { chain: units.to_vec(), ends: Vec::new() }
}

fn block_35(name: &'static str, graph_name: &'static str, pooled: i64) -> Block {
    let branches = vec![
        chain([unit("branch1x1", "conv", 64, 1, 1)]),
        chain([unit("branch5x5_1", "tower/conv", 48, 1, 1), unit("branch5x5_2", "tower/conv_1", 64, 5, 5)]),
        chain([
            unit("branch3x3dbl_1", "tower_1/conv", 64, 1, 1),
            unit("branch3x3dbl_2", "tower_1/conv_1", 96, 3, 3),
            unit("branch3x3dbl_3", "tower_1/conv_2", 96, 3, 3),
        ]),
    ];
    Block { name, graph_name, branches, pool: Pool::Mean(unit("branch_pool", "tower_2/conv", pooled, 1, 1)) }
}

fn to_17(name: &'static str, graph_name: &'static str) -> Block {
    let branches = vec![
        chain([halving("branch3x3", "conv", 384)]),
        chain([
            unit("branch3x3dbl_1", "tower/conv", 64, 1, 1),
            unit("branch3x3dbl_2", "tower/conv_1", 96, 3, 3),
            halving("branch3x3dbl_3", "tower/conv_2", 96),
        ]),
    ];
    Block { name, graph_name, branches, pool: Pool::Halving }
}

fn block_17(name: &'static str, graph_name: &'static str, middle: i64) -> Block {
    let branches = vec![
        chain([unit("branch1x1", "conv", 192, 1, 1)]),
        chain([
            unit("branch7x7_1", "tower/conv", middle, 1, 1),
            unit("branch7x7_2", "tower/conv_1", middle, 1, 7),
            unit("branch7x7_3", "tower/conv_2", 192, 7, 1),
        ]),
        chain([
            unit("branch7x7dbl_1", "tower_1/conv", middle, 1, 1),
            unit("branch7x7dbl_2", "tower_1/conv_1", middle, 7, 1),
            unit("branch7x7dbl_3", "tower_1/conv_2", middle, 1, 7),
            unit("branch7x7dbl_4", "tower_1/conv_3", middle, 7, 1),
            unit("branch7x7dbl_5", "tower_1/conv_4", 192, 1, 7),
        ]),
    ];
    Block { name, graph_name, branches, pool: Pool::Mean(unit("branch_pool", "tower_2/conv", 192, 1, 1)) }
}

fn to_8(name: &'static str, graph_name: &'static str) -> Block {
    let branches = vec![
        chain([unit("branch3x3_1", "tower/conv", 192, 1, 1), halving("branch3x3_2", "tower/conv_1", 320)]),
        chain([
            unit("branch7x7x3_1", "tower_1/conv", 192, 1, 1),
            unit("branch7x7x3_2", "tower_1/conv_1", 192, 1, 7),
            unit("branch7x7x3_3", "tower_1/conv_2", 192, 7, 1),
            halving("branch7x7x3_4", "tower_1/conv_3", 192),
        ]),
    ];
    Block { name, graph_name, branches, pool: Pool::Halving }
}

fn block_8(name: &'static str, graph_name: &'static str, pool: fn(Unit) -> Pool) -> Block {
    let branches = vec![
        chain([unit("branch1x1", "conv", 320, 1, 1)]),
        Branch {
            chain: vec![unit("branch3x3_1", "tower/conv", 384, 1, 1)],
            ends: vec![
                unit("branch3x3_2a", "tower/mixed/conv", 384, 1, 3),
                unit("branch3x3_2b", "tower/mixed/conv_1", 384, 3, 1),
            ],
        },
        Branch {
            chain: vec![
                unit("branch3x3dbl_1", "tower_1/conv", 448, 1, 1),
                unit("branch3x3dbl_2", "tower_1/conv_1", 384, 3, 3),
            ],
            ends: vec![
                unit("branch3x3dbl_3a", "tower_1/mixed/conv", 384, 1, 3),
                unit("branch3x3dbl_3b", "tower_1/mixed/conv_1", 384, 3, 1),
            ],
        },
    ];
    Block { name, graph_name, branches, pool: pool(unit("branch_pool", "tower_2/conv", 192, 1, 1)) }
}

impl Block {
    /// All units, in the order of their names above.
    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        let pool = match &self.pool {
            Pool::Mean(unit) | Pool::Max(unit) => Some(unit),
            Pool::Halving => None,
        };
        self.branches.iter().flat_map(|branch| branch.chain.iter().chain(&branch.ends)).chain(pool)
    }
}

/// Name for torch and name in the graph of every unit.
pub(super) fn names() -> Vec<(String, String)> {
    let stem = STEM.iter().copied().flatten().map(|unit| (unit.name.to_owned(), unit.graph_name.to_owned()));
    let blocks = blocks();
    let inner = blocks.iter().flat_map(|block| {
        let pair = |unit: &Unit| {
            (format!("{}.{}", block.name, unit.name), format!("{}/{}", block.graph_name, unit.graph_name))
        };
        block.units().map(pair).collect::<Vec<_>>()
    });
    stem.chain(inner).collect()
}
