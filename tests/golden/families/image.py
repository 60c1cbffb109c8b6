"""Resizing, cropping, suppressing boxes, and the gradients of the first two."""
from recorder import *

R = tf.raw_ops
MODES = [dict(), dict(align_corners=True), dict(half_pixel_centers=True)]


def picture(*shape, dtype=tf.float32):
    return feed(np.arange(int(np.prod(shape))).reshape(shape) % 17 * 3 % 19, dtype=dtype)


def resize():
    ops = [R.ResizeBilinear, R.ResizeBicubic, R.ResizeNearestNeighbor]
    for op in ops:
        name = op.__name__
        case(name, lambda: [op(images=picture(2, 3, 4, 1), size=i32(size), **mode)
                for size in ([5, 6], [2, 2], [3, 4], [1, 1]) for mode in MODES])
        case(name + "_unknown", lambda: [op(images=feed(np.ones([1, 2, 3, 2]), [None, None, 3, None]), size=i32([4, 2], None)),
                op(images=feed(np.ones([1, 2, 3, 2]), None), size=[2, 5])])
        sweep(name + "_dtypes", lambda x: op(images=x, size=i32([3, 3])), lambda d: [[[[1], [2]], [[30], [4]]]],
                dtypes=NUMBERS)
    case("ResizeArea", lambda: [R.ResizeArea(images=picture(1, 4, 6, 2), size=i32(size), **mode)
            for size in ([2, 3], [3, 4], [8, 6]) for mode in MODES[:2]])
    errors("resize_errors", lambda: [op(images=feed(np.ones([1, 2, 2, 1]), None), size=i32([0, 2], None)) for op in ops])
    top = lambda: picture(1, 4, 5, 2)
    for op in (R.ResizeBilinearGrad, R.ResizeBicubicGrad):
        case(op.__name__, lambda: [op(grads=top(), original_image=picture(1, *size, 2), **mode)
                for size in ([2, 3], [6, 7]) for mode in MODES])
    case("ResizeNearestNeighborGrad", lambda: [R.ResizeNearestNeighborGrad(grads=top(), size=i32(size), **mode)
            for size in ([2, 3], [6, 7]) for mode in MODES])


BOXES = [[0., 0., 1., 1.], [0.2, 0.6, 1.3, -0.2], [0.5, 0.5, 0.5, 0.5]]


def crop():
    for method in ("bilinear", "nearest"):
        case("crop_and_resize_" + method, lambda: [tf.image.crop_and_resize(picture(2, 4, 5, 2), feed(BOXES), i32([0, 1, 0]),
                i32(size), method, extrapolation_value=-1) for size in ([3, 3], [1, 2], [5, 4])])
    case("crop_unknown", lambda: [tf.image.crop_and_resize(feed(np.ones([1, 3, 3, 2]), [None, 3, None, 2]), feed(BOXES[:1], [None, 4]),
            i32([0], [None]), [2, 2])])
    grads = lambda: picture(2, 3, 3, 2)
    case("crop_grad_image", lambda: [R.CropAndResizeGradImage(grads=grads(), boxes=feed(BOXES[:2]), box_ind=i32([0, 1]),
            image_size=i32([2, 4, 5, 2]), T=tf.float32, method=method) for method in ("bilinear", "nearest")])
    case("crop_grad_boxes", lambda: [R.CropAndResizeGradBoxes(grads=grads(), image=picture(2, 4, 5, 2), boxes=feed(BOXES[:2]),
            box_ind=i32([0, 1]))])


SCORED = [[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 101]]
SCORES = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3]


def suppression():
    boxes, scores = lambda: feed(SCORED), lambda: feed(SCORES)
    numbers = lambda *values: [feed(value) for value in values]
    case("limits", lambda: [R.NonMaxSuppression(boxes=boxes(), scores=scores(), max_output_size=i32(n), iou_threshold=0.5)
            for n in (0, 2, 3, 30)] + [R.NonMaxSuppressionV2(boxes=boxes(), scores=scores(), max_output_size=i32(6),
            iou_threshold=feed(at)) for at in (0.1, 0.3, 0.85, 1.)])
    case("scores", lambda: [R.NonMaxSuppressionV3(boxes=boxes(), scores=scores(), max_output_size=i32(6), iou_threshold=feed(.5),
            score_threshold=feed(at)) for at in (0.4, -np.inf, 2.)] + list(R.NonMaxSuppressionV4(boxes=boxes(), scores=scores(),
            max_output_size=i32(5), iou_threshold=feed(.5), score_threshold=feed(0.), pad_to_max_output_size=True)))
    case("tf1_soft", lambda: list(R.NonMaxSuppressionV5(boxes=boxes(), scores=scores(), max_output_size=i32(6), iou_threshold=feed(.5),
            score_threshold=feed(0.), soft_nms_sigma=feed(.5))) + list(R.NonMaxSuppressionV5(boxes=boxes(), scores=scores(),
            max_output_size=i32(3), iou_threshold=feed(.5), score_threshold=feed(0.), soft_nms_sigma=feed(0.))))
    case("flipped_and_equal", lambda: [R.NonMaxSuppressionV2(boxes=feed([[1, 1, 0, 0], [0, 0.1, 1, 1.1], [1, 0.9, 0, -0.1]]),
            scores=feed([0.5, 0.5, 0.5]), max_output_size=i32(3), iou_threshold=feed(.5)), R.NonMaxSuppressionV2(
            boxes=feed(np.zeros([0, 4]), [None, 4]), scores=feed([], [None]), max_output_size=i32(3), iou_threshold=feed(.5))])
    errors("errors", lambda: [R.NonMaxSuppressionV2(boxes=boxes(), scores=scores(), max_output_size=i32(6), iou_threshold=feed(v, None))
            for v in (1.5, -0.1)])


def colors():
    x = lambda s="same", dtype=tf.float32: feed(np.round(np.sin(np.arange(48.)).reshape(2, 2, 4, 3) ** 2, 3), s, dtype)
    edges = lambda: feed([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1], [300, 20, 20], [.5, .5, .4]])
    case("spaces", lambda: [op(images=v) for op in (R.RGBToHSV, R.HSVToRGB) for v in (x(), edges(), x(dtype=tf.float64), x([None, 2, None, None]),
            x(None), feed(np.zeros([0, 3])))])
    signed = lambda: edges() - tf.constant(.45)
    case("adjust", lambda: [op(v, feed(by)) for op in (lambda v, by: R.AdjustHue(images=v, delta=by), lambda v, by: R.AdjustSaturation(images=v,
            scale=by)) for by in (.3, -.7, 1.9) for v in (x(), edges()[None])] + [R.AdjustHue(images=signed()[None], delta=feed(.3)),
            R.AdjustContrastv2(images=x(), contrast_factor=feed(2.5)), R.AdjustContrastv2(images=feed(np.ones([1, 2, 2])),
            contrast_factor=feed(-1.)), R.AdjustContrastv2(images=x(None), contrast_factor=feed(.5)), R.AdjustHue(images=x(None),
            delta=feed(.5, None))])
    errors("color_errors", lambda: [R.AdjustHue(images=feed([[[1., 2.]]], None), delta=feed(1.)),
            R.AdjustContrastv2(images=feed([1., 2.], None), contrast_factor=feed(1.)), R.AdjustSaturation(images=feed([1., 2., 3.], None),
            scale=feed(1.))])


def drawing():
    boxes = lambda: feed([[[0, .25, .7, .8], [.5, -.5, 1.5, .5], [.2, .2, .2, .2], [.9, 0, .1, 1], [2, 2, 3, 3]]] * 2)
    image = lambda d: feed(np.full([2, 6, 7, d], .125))
    case("draw", lambda: [R.DrawBoundingBoxes(images=image(d), boxes=boxes()) for d in (1, 3, 4)] + [R.DrawBoundingBoxesV2(images=image(3),
            boxes=boxes(), colors=feed(c)) for c in ([[.5, 0, .25, 1]], np.zeros([0, 4]))])
    errors("draw_errors", lambda: [R.DrawBoundingBoxes(images=feed(np.ones([1, 2, 2, 2]), None), boxes=feed(np.ones([1, 1, 4]), None))])


def detections():
    rows = np.array([.01, 1])[:, None, None] * np.array(SCORED)
    scores = np.stack([SCORES, SCORES[::-1], [.11, .22, .33, .44, .55, .66]], 1)
    scores[:, 1] += .01
    boxes = lambda q: feed(np.stack([rows, rows + .05, rows * .5][:q], 2))
    combined = lambda q, each, total, iou=.5, least=.2, **how: list(R.CombinedNonMaxSuppression(boxes=boxes(q), scores=feed([scores, scores * .9]),
            max_output_size_per_class=tf.constant(each), max_total_size=tf.constant(total), iou_threshold=feed(iou), score_threshold=feed(least), **how))
    case("combined", lambda: sum([combined(*how) for how in [(1, 2, 4), (3, 6, 20), (1, 6, 5, .85)]], []) + combined(1, 2, 20, pad_per_class=True) +
            combined(1, 2, 20, clip_boxes=False))
    overlaps = lambda: feed([[1, .5, .2, 0], [.5, 1, .3, 0], [.2, .3, 1, .6], [0, 0, .6, 1]])
    case("overlaps", lambda: [R.NonMaxSuppressionWithOverlaps(overlaps=overlaps(), scores=feed([.4, .9, .7, .6]), max_output_size=i32(n),
            overlap_threshold=feed(at), score_threshold=feed(least)) for n, at, least in [(4, .5, 0.), (4, .2, 0.), (4, .55, .65), (1, 1., 0.)]])


def moved():
    kernels = ["lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"]
    op = lambda scale, by, x=None, **how: R.ScaleAndTranslate(images=picture(1, 4, 5, 1) if x is None else x, size=i32([3, 6]), scale=feed(scale),
            translation=feed(by), **how)
    case("scale_and_translate", lambda: [op(*s, kernel_type=k, antialias=a) for k in kernels for s, a in [(([.6, 1.3], [.5, -1]), True), (([.6, 1],
            [0, 4]), False)]] + [op([1, 1], [0, 0], x=tf.cast(picture(1, 4, 5, 1), d)) for d in (tf.uint8, tf.float64)])
    at = [[0, 0], [.5, -.5], [-1, 1], [.3, 2]]
    glimpse = lambda scale, **how: R.ExtractGlimpse(input=picture(4, 5, 6, 1), size=i32([3, 2]), offsets=feed(np.array(at) * scale),
            uniform_noise=False, noise="zero", **how)
    case("glimpse", lambda: [glimpse(1), glimpse(1, centered=False), glimpse(3, normalized=False), glimpse(3, normalized=False, centered=False),
            R.ExtractGlimpse(input=picture(1, 5, 6, 1), size=[3, 2], offsets=feed([[0, 0]], [None, 2]))])


def boxes():
    colors()
    drawing()
    detections()
    moved()


CASES = {"resize": resize, "crop": crop, "suppression": suppression, "colors": boxes}
