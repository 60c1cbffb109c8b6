"""The rules of optimizers as ops: Apply, SparseApply and their spellings for resource variables."""
from recorder import *

R = tf.raw_ops
KEEP = dict(use_locking=True)

# name: (slots, scalars in the order of the op's arguments, grad's place among them). `grad` is the gradient.
RULES = {
    "GradientDescent": ([], dict(alpha=0.1), "delta"),
    "Momentum": (["accum"], dict(lr=0.1, momentum=0.9), "grad"),
    "Adagrad": (["accum"], dict(lr=0.1), "grad"),
    "AdagradV2": (["accum"], dict(lr=0.1, epsilon=1e-3), "grad"),
    "AdagradDA": (["gradient_accumulator", "gradient_squared_accumulator"], dict(lr=0.1, l1=0.2, l2=0.3, global_step=3), "grad"),
    "Adadelta": (["accum", "accum_update"], dict(lr=0.1, rho=0.9, epsilon=1e-3), "grad"),
    "Adam": (["m", "v"], dict(beta1_power=0.9, beta2_power=0.99, lr=0.1, beta1=0.9, beta2=0.99, epsilon=1e-3), "grad"),
    "AdaMax": (["m", "v"], dict(beta1_power=0.9, lr=0.1, beta1=0.9, beta2=0.99, epsilon=1e-3), "grad"),
    "RMSProp": (["ms", "mom"], dict(lr=0.1, rho=0.9, momentum=0.5, epsilon=1e-3), "grad"),
    "CenteredRMSProp": (["mg", "ms", "mom"], dict(lr=0.1, rho=0.9, momentum=0.5, epsilon=1e-3), "grad"),
    "Ftrl": (["accum", "linear"], dict(lr=0.1, l1=0.2, l2=0.3, lr_power=-0.5), "grad"),
    "FtrlV2": (["accum", "linear"], dict(lr=0.1, l1=0.2, l2=0.3, l2_shrinkage=0.1, lr_power=-0.4), "grad"),
    "ProximalAdagrad": (["accum"], dict(lr=0.1, l1=0.2, l2=0.3), "grad"),
    "ProximalGradientDescent": ([], dict(alpha=0.1, l1=0.2, l2=0.3), "delta"),
    "AddSign": (["m"], dict(lr=0.1, alpha=0.7, sign_decay=0.9, beta=0.9), "grad"),
    "PowerSign": (["m"], dict(lr=0.1, logbase=0.7, sign_decay=0.9, beta=0.9), "grad"),
}
NO_SPARSE = ["GradientDescent", "Adam", "AdaMax", "AddSign", "PowerSign"]
FLAGS = {"Momentum": "use_nesterov", "Adam": "use_nesterov"}
START, GRAD = [[1., -2.], [3., 4.], [0.5, 0.]], [[0.1, -0.2], [0., 0.4], [-3., 0.01]]


def rule(name, resource, sparse, dtype=tf.float32, **flags):
    """Two applications of one rule to a variable and its slots, all of which are then read."""
    slots, scalars, grad = RULES[name]
    new = lambda value: tf.Variable(tf.constant(value, dtype), use_resource=resource)
    # Mean of squares less the square of the mean must not be negative.
    held = [new(START)] + [new(np.full([3, 2], 0.25 if slot == "mg" else 0.5)) for slot in slots]
    arguments = dict(zip(["var"] + slots, [v.handle if resource else v._ref() for v in held]))
    arguments.update({key: tf.constant(value, tf.int64 if key == "global_step" else dtype) for key, value in scalars.items()})
    arguments[grad] = feed(GRAD[:2] if sparse else GRAD)
    if dtype != tf.float32:
        arguments[grad] = tf.cast(arguments[grad], dtype)
    if sparse:
        arguments["grad"] = arguments.pop(grad)
        arguments["indices"] = i32([2, 0])
    op = getattr(R, ("Resource" if resource else "") + ("Sparse" if sparse else "") + "Apply" + name)
    update = op(**arguments, **flags)
    values = tf.stack([v.read_value() for v in held], name="packed")
    update = update if isinstance(update, tf.Operation) else update.op
    return steps(tf.global_variables_initializer(), update, values, update, values)


def apply():
    for name in RULES:
        for resource in (False, True):
            kind = "resource_" if resource else "ref_"
            case(kind + name, lambda: rule(name, resource, False, use_locking=not resource))
            if name not in NO_SPARSE:
                case(kind + "sparse_" + name, lambda: rule(name, resource, True))
    case("float64_Adam", lambda: rule("Adam", False, False, tf.float64))
    case("float64_sparse_Adagrad", lambda: rule("Adagrad", True, True, tf.float64))
    case("half_Momentum", lambda: rule("Momentum", False, False, tf.float16))
    for name, flag in sorted(FLAGS.items()):
        case(flag + "_" + name, lambda: rule(name, False, False, **{flag: True}))
    case("slots_kept_Adagrad", lambda: rule("Adagrad", False, False, update_slots=False))


CASES = {"apply": apply}
