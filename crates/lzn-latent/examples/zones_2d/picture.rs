//! The drawing of `zones_2d`: a part of the plane in pixels, and smooth lines and discs on it.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};

/// Every pixel is cut into this many parts each way where zones meet.
const PARTS: usize = 3;

/// Space between two pictures, in pixels.
const GUTTER: usize = 20;

type Colour = [f64; 3];

const WHITE: Colour = [255.0; 3];
const INK: Colour = [40.0, 42.0, 54.0];

/// One colour per zone, light enough to draw on and far apart for colour-blind eyes.
const PALETTE: [Colour; 7] = [
    [86.0, 148.0, 208.0],
    [245.0, 177.0, 78.0],
    [118.0, 183.0, 140.0],
    [226.0, 121.0, 117.0],
    [158.0, 137.0, 202.0],
    [95.0, 188.0, 196.0],
    [229.0, 151.0, 189.0],
];

/// A square of the plane around the origin, as `pixels` times `pixels` of them.
pub(crate) struct Plane {
    pixels: usize,
    reach: f64,
}

impl Plane {
    pub(crate) fn new(pixels: usize, reach: f64) -> Self {
        Self { pixels, reach }
    }

    fn fine(&self) -> usize {
        self.pixels * PARTS
    }

    /// Middle of cell `index` of a grid of `across` cells each way; the first row is the uppermost.
    fn place(&self, index: usize, across: usize) -> [f64; 2] {
        let at = |k: usize| self.reach * ((2 * k + 1) as f64 / across as f64 - 1.0);
        [at(index % across), -at(index / across)]
    }

    /// The middles of all pixels.
    pub(crate) fn pixels(&self) -> Vec<[f64; 2]> {
        (0..self.pixels * self.pixels).map(|index| self.place(index, self.pixels)).collect()
    }

    /// The middle of a part of a pixel.
    pub(crate) fn place_of_part(&self, part: usize) -> [f64; 2] {
        self.place(part, self.fine())
    }

    pub(crate) fn area_of_part(&self) -> f64 {
        (2.0 * self.reach / self.fine() as f64).powi(2)
    }

    /// Gives every part the owner of its pixel.
    pub(crate) fn refine(&self, coarse: &[usize]) -> Vec<usize> {
        let fine = self.fine();
        (0..fine * fine).map(|part| coarse[part / fine / PARTS * self.pixels + part % fine / PARTS]).collect()
    }

    /// The parts of all pixels that touch one of another owner.
    pub(crate) fn parts_near_borders(&self, coarse: &[usize]) -> Vec<usize> {
        let (n, fine) = (self.pixels, self.fine());
        let near = |row: usize, column: usize| {
            let around = |k: usize| k.saturating_sub(1)..=(k + 1).min(n - 1);
            around(row).any(|r| around(column).any(|c| coarse[r * n + c] != coarse[row * n + column]))
        };
        (0..fine * fine).filter(|part| near(part / fine / PARTS, part % fine / PARTS)).collect()
    }

    /// Where a point of the plane lies, in pixels from the upper left corner.
    fn to_pixels(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let at = |v: f64| (v / self.reach + 1.0) * 0.5 * self.pixels as f64;
        [at(x), at(-y)]
    }
}

/// A picture in the making.
pub(crate) struct Canvas<'a> {
    plane: &'a Plane,
    pixels: Vec<Colour>,
}

impl<'a> Canvas<'a> {
    /// Zones in their colours with white borders; with `rings`, in steps that each hold a tenth of the Gaussian, stronger
    /// where it is denser.
    pub(crate) fn of_zones(plane: &'a Plane, owners: &[usize], rings: bool) -> Self {
        let fine = plane.fine();
        let at_border = |row: usize, column: usize| {
            let owner = owners[row * fine + column];
            let around = |k: usize| [k.saturating_sub(1), k, (k + 1).min(fine - 1)];
            around(row).iter().any(|r| around(column).iter().any(|c| owners[r * fine + c] != owner))
        };
        let part = |row: usize, column: usize| {
            let index = row * fine + column;
            let strength = if rings { ring_strength(plane.place_of_part(index)) } else { 0.3 };
            let colour = mix(WHITE, PALETTE[owners[index]], strength);
            if at_border(row, column) { mix(colour, WHITE, 0.9) } else { colour }
        };
        let pixel = |index: usize| {
            let (row, column) = (index / plane.pixels * PARTS, index % plane.pixels * PARTS);
            let parts = (0..PARTS * PARTS).map(|k| part(row + k / PARTS, column + k % PARTS));
            parts.fold([0.0; 3], |sum, part| [0, 1, 2].map(|c| sum[c] + part[c] / (PARTS * PARTS) as f64))
        };
        Self { plane, pixels: (0..plane.pixels * plane.pixels).map(pixel).collect() }
    }

    /// The path of one latent.
    pub(crate) fn path(&mut self, points: &[[f64; 2]], owner: usize) {
        self.line(points, mix(PALETTE[owner], INK, 0.45), 1.1, 0.75);
    }

    /// A line of the grid inside a zone.
    pub(crate) fn grid_line(&mut self, points: &[[f64; 2]], owner: usize) {
        self.line(points, mix(PALETTE[owner], INK, 0.25), 1.1, 0.9);
    }

    /// Marks an anchor.
    pub(crate) fn anchor(&mut self, at: [f64; 2], owner: usize) {
        self.disc(at, 9.0, WHITE);
        self.disc(at, 7.5, INK);
        self.disc(at, 5.0, PALETTE[owner]);
    }

    /// Marks a latent.
    pub(crate) fn latent(&mut self, at: [f64; 2], owner: usize) {
        self.disc(at, 3.6, WHITE);
        self.disc(at, 2.6, mix(PALETTE[owner], INK, 0.5));
    }

    fn disc(&mut self, at: [f64; 2], radius: f64, colour: Colour) {
        let centre = self.plane.to_pixels(at);
        self.blend([centre, centre], radius, |_, cover, old| mix(old, colour, cover));
    }

    /// A line of `width` pixels, blended once however often it crosses itself.
    fn line(&mut self, points: &[[f64; 2]], colour: Colour, width: f64, opacity: f64) {
        let mut covered = HashMap::new();
        for pair in points.windows(2) {
            let ends = [self.plane.to_pixels(pair[0]), self.plane.to_pixels(pair[1])];
            self.blend(ends, 0.5 * width, |index, cover, old| {
                let seen: &mut f64 = covered.entry(index).or_insert(0.0);
                *seen = seen.max(cover);
                old
            });
        }
        for (index, cover) in covered {
            self.pixels[index] = mix(self.pixels[index], colour, opacity * cover);
        }
    }

    /// Visits the pixels within `radius` of a segment, with how much of each is covered.
    fn blend(&mut self, [a, b]: [[f64; 2]; 2], radius: f64, mut paint: impl FnMut(usize, f64, Colour) -> Colour) {
        let n = self.plane.pixels;
        let range = |k: usize| {
            let (low, high) = (a[k].min(b[k]) - radius - 1.0, a[k].max(b[k]) + radius + 1.0);
            (low.max(0.0) as usize)..(high.clamp(0.0, n as f64) as usize)
        };
        for row in range(1) {
            for column in range(0) {
                let distance = to_segment([column as f64 + 0.5, row as f64 + 0.5], a, b);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let index = row * n + column;
                    self.pixels[index] = paint(index, cover, self.pixels[index]);
                }
            }
        }
    }

    /// Two pictures of the same size side by side.
    pub(crate) fn beside(left: &Self, right: &Self) -> Picture {
        let n = left.plane.pixels;
        let picture = RgbImage::from_fn((2 * n + GUTTER) as u32, n as u32, |x, y| {
            let (x, y) = (x as usize, y as usize);
            let colour = match x {
                x if x < n => left.pixels[y * n + x],
                x if x >= n + GUTTER => right.pixels[y * n + x - n - GUTTER],
                _ => WHITE,
            };
            Rgb(colour.map(|c| c.round() as u8))
        });
        Picture(picture)
    }
}

/// A finished picture.
pub(crate) struct Picture(RgbImage);

impl Picture {
    /// Writes it as a PNG, as small as it gets.
    pub(crate) fn save(&self, file: &str) -> Result<(), Box<dyn Error>> {
        let to = BufWriter::new(File::create(file)?);
        let encoder = PngEncoder::new_with_quality(to, CompressionType::Best, FilterType::NoFilter);
        Ok(self.0.write_with_encoder(encoder)?)
    }
}

/// From 1 in the middle down to little outside; the outermost two steps hold 9 % and 1 % of the Gaussian.
fn ring_strength([x, y]: [f64; 2]) -> f64 {
    let outside = (-0.5 * (x * x + y * y)).exp();
    if outside < 0.01 { 0.1 } else { 0.2 + 0.8 * (outside * 10.0).floor() / 9.0 }
}

fn mix(a: Colour, b: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|c| a[c] + share * (b[c] - a[c]))
}

fn to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (to[0] - share * along[0]).hypot(to[1] - share * along[1])
}
