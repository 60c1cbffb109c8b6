//! What one call of the other builders makes.

use sessile::layers::losses;
use sessile::ops::array::{Mirror, dynamic_stitch};
use sessile::ops::image::{Grid, Method};
use sessile::ops::math::{Bins, Norm, Running};
use sessile::ops::nn::{Neighbours, Padding, Window};
use sessile::ops::random::Normal;
use sessile::prelude::*;

use super::{F32, Program, bools, ints, x};

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("diagonals", diagonals),
    ("distinct", distinct),
    ("parts_and_stitches", parts_and_stitches),
    ("rearranging_more", rearranging_more),
    ("complex_numbers", complex_numbers),
    ("more_functions", more_functions),
    ("windows", windows),
    ("images", images),
    ("targets_among_the_best", targets_among_the_best),
    ("variables_more", variables_more),
    ("morphology", morphology),
    ("decompositions", decompositions),
    ("total_loss", total_loss),
    ("space_and_sequences", space_and_sequences),
    ("places", places),
    ("square_matrices", square_matrices),
];

fn diagonals(g: &Graph) -> sessile::Result<()> {
    let (m, v) = (x(g, shape![2, 3])?, x(g, shape![2])?);
    m.matrix_band_part(1, -1)?;
    m.matrix_diag()?;
    m.matrix_diag_part()?;
    m.matrix_set_diag(&v)?;
    v.diag()?;
    x(g, shape![2, 2])?.diag_part()?;
    g.eye(F32, 2, 3)?;
    Ok(())
}

fn distinct(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![4])?;
    x.unique()?;
    x.unique_with_counts()?;
    x.setdiff1d(&x)?;
    Ok(())
}

fn parts_and_stitches(g: &Graph) -> sessile::Result<()> {
    let (x, i) = (x(g, shape![4])?, ints(g, shape![4])?);
    x.dynamic_partition(&i, 2)?;
    dynamic_stitch(&[&i, &i], &[&x, &x])?;
    ints(g, shape![4, 1])?.scatter_nd(&x, [6])?;
    i.bincount(Bins::default())?;
    i.bincount(Bins { min: Some(3), max: Some(5), ..Bins::default() })?;
    i.histogram_fixed_width([0, 5], 10)?;
    Ok(())
}

fn rearranging_more(g: &Graph) -> sessile::Result<()> {
    let (y, c) = (x(g, shape![2, 3])?, bools(g, shape![3])?);
    y.mirror_pad(&[[1, 0], [0, 1]], Mirror::Reflect)?;
    y.ensure_shape(shape![2, ?])?;
    y.roll([1, 2], [0, 1])?;
    c.select_v2(&y, &y)?;
    g.placeholder(DType::C64, shape![2, 3])?.conjugate_transpose([1, 0])?;
    x(g, shape![?, 3])?.shape_tensor_as(DType::I64)?;
    y.boolean_mask_along(&c, 1)?;
    y.argmax_i32(1)?;
    y.argmin_i32(0)?;
    g.broadcast_dynamic_shape(&ints(g, shape![2])?, &ints(g, shape![2])?)?;
    Ok(())
}

fn complex_numbers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    let z = x.complex(&x)?;
    z.real()?;
    z.imag()?;
    z.angle()?;
    z.conj()?;
    z.abs()?;
    Ok(())
}

fn more_functions(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    x.betainc(&x, &x)?;
    x.bessel_i0e()?;
    x.bessel_i1e()?;
    x.scalar_mul(2.0)?;
    x.norm_of_keepdims(Norm::Power(1.0), ())?;
    x.weighted_moments_keepdims([0], &x)?;
    Ok(())
}

fn windows(g: &Graph) -> sessile::Result<()> {
    let (y, f) = (x(g, shape![?, 8, 8, 2])?, x(g, shape![3, 3, 2, 4])?);
    y.conv2d(&f, Window::new(2, 2, Padding::Same))?;
    y.depthwise_conv2d_native(&f, Window::new(2, 1, Padding::Valid))?;
    y.max_pool(2, Window::new(2, 2, Padding::Same))?;
    y.avg_pool(2, Window::new(2, 2, Padding::Valid))?;
    y.max_pool_with_argmax(2, Window::new(2, 2, Padding::Same))?;
    let volume = x(g, shape![1, 4, 4, 4, 2])?;
    volume.conv3d(x(g, shape![2, 2, 2, 2, 3])?, Window::new(3, 1, Padding::Same))?;
    Ok(())
}

fn images(g: &Graph) -> sessile::Result<()> {
    let (image, boxes, of) = (x(g, shape![1, 4, 5, 2])?, x(g, shape![3, 4])?, ints(g, shape![3])?);
    for method in [Method::Bilinear, Method::Nearest, Method::Bicubic, Method::Area] {
        image.resize_images([2, 2], method, Grid::default())?;
    }
    image.crop_and_resize(&boxes, &of, [2, 2])?;
    boxes.non_max_suppression(x(g, shape![3])?, 2, 0.5)?;
    Ok(())
}

fn targets_among_the_best(g: &Graph) -> sessile::Result<()> {
    x(g, shape![2, 3])?.in_top_k(ints(g, shape![2])?, 2)?;
    Ok(())
}

fn variables_more(g: &Graph) -> sessile::Result<()> {
    let (n, v) = (g.variable(3)?, g.variable([1.0f32, 2.0, 3.0])?);
    n.count_up_to(10)?;
    let (i, x) = (ints(g, shape![2, 1])?, x(g, shape![2])?);
    v.scatter_nd_add(&i, &x)?;
    v.scatter_nd_sub(&i, &x)?;
    g.truncated_normal_with([2], Normal { mean: 1.0, stddev: 2.0, ..Normal::default() })?;
    g.named("some", || g.variables_initializer(&[n, v]))?;
    Ok(())
}

fn morphology(g: &Graph) -> sessile::Result<()> {
    let (x, f) = (x(g, shape![1, 4, 4, 2])?, x(g, shape![2, 2, 2])?);
    x.dilation2d(&f, [1, 1], [1, 1], Padding::Same)?;
    x.erosion2d(&f, [1, 1], [1, 1], Padding::Valid)?;
    Ok(())
}

fn decompositions(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 4, 3])?;
    x.svd()?;
    x.singular_values()?;
    x.cast(DType::C64)?.singular_values()?;
    x.quantize(0.0, 6.0, DType::QU8)?;
    Ok(())
}

fn total_loss(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    losses::mean_squared_error(&x, &x)?;
    losses::absolute_difference(&x, &x)?;
    losses::total_loss(g)?;
    Ok(())
}

fn space_and_sequences(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![4, 4, 4, 4])?;
    x.space_to_batch([2, 2], &[[0, 0], [1, 1]])?;
    x.batch_to_space([2, 2], &[[0, 0], [1, 1]])?;
    x.space_to_depth(2)?;
    x.depth_to_space(2)?;
    x.extract_image_patches([2, 2], [1, 1], [1, 1], Padding::Valid)?;
    x.lrn(Neighbours { depth_radius: 5, bias: 1.0, alpha: 1.0, beta: 0.5 })?;
    x.reverse_sequence(ints(g, shape![4])?, 1, 0)?;
    Ok(())
}

fn places(g: &Graph) -> sessile::Result<()> {
    let (y, i) = (x(g, shape![2, 3])?, ints(g, shape![2, 1])?);
    y.cross(&y)?;
    y.searchsorted(x(g, shape![2, 4])?, false)?;
    y.searchsorted(x(g, shape![2, 4])?, true)?;
    i.sparse_to_dense([5], x(g, shape![2])?, 0.0)?;
    y.cumulative_logsumexp(1, Running::default())?;
    Ok(())
}

fn square_matrices(g: &Graph) -> sessile::Result<()> {
    let m = x(g, shape![2, 3, 3])?;
    m.matrix_determinant()?;
    m.matrix_inverse()?;
    m.cholesky()?;
    m.matrix_solve(&m)?;
    m.matrix_triangular_solve(&m, true)?;
    m.matrix_triangular_solve(&m, false)?;
    m.qr()?;
    m.slogdet()?;
    Ok(())
}
