//! The changes of one view: drawing them, and doing what was drawn.

use lzn_random::{Purpose, Stream};
use lzn_resize::ResizeError;
use ndarray::{ArrayView3, ArrayViewMut3};

use super::{AugmentConfig, BLUR, BlurConfig, CROP, CropConfig, GREY, JITTER, JitterConfig, MOVES, Padding};
use crate::transform::{self, Rectangle};

/// Rectangles that are tried before the largest in the middle is taken.
const ATTEMPTS: usize = 10;

/// What is done to one image to make one view, in the order of the fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The part that is cut out and brought to the size of the view.
    pub crop: Option<Rectangle>,
    /// Whether it is mirrored left and right.
    pub flip: bool,
    /// By how many pixels it is moved down and to the right.
    pub shift: [isize; 2],
    /// What comes in at the border then.
    pub padding: Padding,
    /// Changes of colour, in this order.
    pub jitter: Vec<ColourChange>,
    /// Whether its colour is taken away.
    pub grey: bool,
    /// Width of the kernel and standard deviation of a blur, in pixels.
    pub blur: Option<(usize, f64)>,
}

/// One change of colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColourChange {
    /// By this factor: [`transform::brightness`].
    Brightness(f64),
    /// By this factor: [`transform::contrast`].
    Contrast(f64),
    /// By this factor: [`transform::saturation`].
    Saturation(f64),
    /// By so many turns: [`transform::hue`].
    Hue(f64),
}

impl Changes {
    /// Draws the changes of an image of `size`, height and width; `stream` opens the stream of a purpose.
    pub(super) fn draw(config: &AugmentConfig, size: [usize; 2], stream: impl Fn(Purpose) -> Stream) -> Self {
        let mut moves = stream(MOVES);
        // Drawn whether it is used or not, so that switching the flip on or off leaves the shifts alone.
        let flip = moves.below(2) == 1;
        let reach = config.shift as isize;
        Self {
            crop: config.crop.map(|crop| crop.draw(size, &mut stream(CROP))),
            flip: config.flip && flip,
            shift: [(); 2].map(|()| moves.below(2 * config.shift + 1) as isize - reach),
            padding: config.padding,
            jitter: config.jitter.map(|jitter| jitter.draw(&mut stream(JITTER))).unwrap_or_default(),
            grey: config.grey > 0.0 && stream(GREY).uniform() < config.grey,
            blur: config.blur.and_then(|blur| blur.draw(&mut stream(BLUR))),
        }
    }

    /// Makes the view of `image`. Without a crop, both have one shape; the caller has checked that.
    pub(super) fn write(
        &self,
        image: ArrayView3<'_, u8>,
        mut target: ArrayViewMut3<'_, u8>,
    ) -> Result<(), ResizeError> {
        let (_, height, width) = target.dim();
        match self.crop {
            Some(part) => target.assign(&transform::resized_crop(image, part, [height, width])?),
            None => target.assign(&image),
        }
        if self.flip {
            transform::flip_horizontally(target.view_mut());
        }
        let [down, right] = self.shift;
        if (down, right) != (0, 0) {
            let moved = transform::shift_image(target.view(), down, right, self.padding);
            target.assign(&moved);
        }
        for change in &self.jitter {
            match *change {
                ColourChange::Brightness(factor) => transform::brightness(target.view_mut(), factor),
                ColourChange::Contrast(factor) => transform::contrast(target.view_mut(), factor),
                ColourChange::Saturation(factor) => transform::saturation(target.view_mut(), factor),
                ColourChange::Hue(turns) => transform::hue(target.view_mut(), turns),
            }
        }
        if self.grey {
            transform::grey(target.view_mut());
        }
        if let Some((kernel, sigma)) = self.blur {
            transform::gaussian_blur(target, kernel, sigma);
        }
        Ok(())
    }
}

impl CropConfig {
    fn draw(&self, [height, width]: [usize; 2], stream: &mut Stream) -> Rectangle {
        let (rows, columns) = (height as f64, width as f64);
        let ratios = self.ratio.map(f64::ln);
        for _ in 0..ATTEMPTS {
            let area = between(stream, self.area) * rows * columns;
            let ratio = between(stream, ratios).exp();
            let part = [(area / ratio).sqrt().round() as usize, (area * ratio).sqrt().round() as usize];
            if part.iter().zip([height, width]).all(|(&side, whole)| (1..=whole).contains(&side)) {
                let [top, left] = [height - part[0], width - part[1]].map(|rest| stream.below(rest + 1));
                return Rectangle { top, left, height: part[0], width: part[1] };
            }
        }
        let ratio = (columns / rows).clamp(self.ratio[0], self.ratio[1]);
        let part = [(columns / ratio).round().min(rows), (rows * ratio).round().min(columns)]
            .map(|side| side.max(1.0) as usize);
        Rectangle { top: (height - part[0]) / 2, left: (width - part[1]) / 2, height: part[0], width: part[1] }
    }
}

impl JitterConfig {
    fn draw(&self, stream: &mut Stream) -> Vec<ColourChange> {
        if stream.uniform() >= self.probability {
            return Vec::new();
        }
        let mut factor =
            |strength: f64| (strength > 0.0).then(|| between(stream, [(1.0 - strength).max(0.0), 1.0 + strength]));
        let changes = [
            factor(self.brightness).map(ColourChange::Brightness),
            factor(self.contrast).map(ColourChange::Contrast),
            factor(self.saturation).map(ColourChange::Saturation),
            (self.hue > 0.0).then(|| ColourChange::Hue(between(stream, [-self.hue, self.hue]))),
        ];
        let mut changes: Vec<ColourChange> = changes.into_iter().flatten().collect();
        stream.shuffle(&mut changes);
        changes
    }
}

impl BlurConfig {
    fn draw(&self, stream: &mut Stream) -> Option<(usize, f64)> {
        (stream.uniform() < self.probability).then(|| (self.kernel, between(stream, self.sigma)))
    }
}

/// A uniform number between two bounds.
fn between(stream: &mut Stream, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * stream.uniform()
}
