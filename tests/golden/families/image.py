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


CASES = {"resize": resize, "crop": crop, "suppression": suppression}
