//! What kind of work each op of the table is. An op that is not here has no class, and a test says so.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How the work of an op follows from its shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Moves data, looks at shapes, holds bodies: no arithmetic.
    Moves,
    /// One operation for each element of the output, or near to it.
    Elementwise,
    /// So many operations for each element of the first input.
    Folds(usize),
    /// So many operations for each element of what a variable is changed by.
    Updates(usize),
    /// A product of matrices.
    Product,
    /// An Einstein sum: a product over all axes that its inputs have.
    Einsum,
    /// A window that moves over images, with the filter as second input.
    Window,
    /// The same for each channel by itself.
    DepthwiseWindow,
    /// The gradient of a window's images.
    BackToInput,
    /// The gradient of its filter.
    BackToFilter,
    /// The same for each channel by itself.
    DepthwiseBackToInput,
    /// The same for each channel by itself.
    DepthwiseBackToFilter,
    /// A decomposition of square matrices, or what one is used for.
    Cubic,
    /// Rows of the output that each meet all weights: the inputs whose names begin with `w_`, or `w`.
    Cells,
}

/// The class of a row of the table.
pub fn class(op: &str) -> Option<Class> {
    static BY_NAME: LazyLock<HashMap<&str, Class>> = LazyLock::new(|| names().collect());
    BY_NAME.get(op).copied()
}

fn names() -> impl Iterator<Item = (&'static str, Class)> {
    CLASSES.iter().flat_map(|(class, names)| names.split_whitespace().map(|name| (name, *class)))
}

const CLASSES: &[(Class, &str)] = &[
    (Class::Product, "BatchMatMul BatchMatMulV2 BatchMatMulV3 MatMul SparseMatMul"),
    (Class::Einsum, "Einsum"),
    (Class::Window, "Conv Conv2D Conv3D Dilation2D"),
    (Class::DepthwiseWindow, "DepthwiseConv2dNative"),
    (Class::BackToInput, "Conv2DBackpropInput Conv3DBackpropInputV2 Dilation2DBackpropInput"),
    (Class::BackToFilter, "Conv2DBackpropFilter Conv3DBackpropFilterV2 Dilation2DBackpropFilter"),
    (Class::DepthwiseBackToInput, "DepthwiseConv2dNativeBackpropInput"),
    (Class::DepthwiseBackToFilter, "DepthwiseConv2dNativeBackpropFilter"),
    (
        Class::Cubic,
        "Cholesky LogMatrixDeterminant MatrixDeterminant MatrixInverse MatrixSolve MatrixTriangularSolve Qr Svd",
    ),
    (Class::Cells, "BlockLSTM BlockLSTMGrad BlockLSTMGradV2 BlockLSTMV2 GRUBlockCell GRUBlockCellGrad LSTMBlockCell"),
    (
        Class::Folds(1),
        "All Any ArgMax ArgMin AvgPool AvgPool3D BiasAddGrad Bincount CTCGreedyDecoder DenseBincount EditDistance
         EuclideanNorm HistogramFixedWidth InTopK InTopKV2 L2Loss Max MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax
         Mean Min NthElement Prod RaggedBincount SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum SparseAdd
         SparseAddGrad SparseBincount SparseReduceMax SparseReduceSum SparseSegmentMean SparseSegmentMeanGrad
         SparseSegmentMeanGradV2 SparseSegmentMeanWithNumSegments SparseSegmentSqrtN SparseSegmentSqrtNGrad
         SparseSegmentSqrtNGradV2 SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumGrad
         SparseSegmentSumGradV2 SparseSegmentSumWithNumSegments SparseTensorDenseAdd SparseTensorDenseMatMul Sum TopK
         TopKV2 UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum",
    ),
    (
        Class::Folds(4),
        "AdjustContrastv2 BatchNormWithGlobalNormalization FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
         Multinomial",
    ),
    (
        Class::Folds(5),
        "LRN LogSoftmax Softmax SoftmaxCrossEntropyWithLogits SparseSoftmax SparseSoftmaxCrossEntropyWithLogits",
    ),
    (Class::Folds(50), "AudioSpectrogram FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D RFFT RFFT2D RFFT3D"),
    (Class::Folds(20), "AdjustHue AdjustSaturation HSVToRGB Mfcc RGBToHSV"),
    (
        Class::Folds(8),
        "BatchNormWithGlobalNormalizationGrad FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3 LRNGrad",
    ),
    (
        Class::Updates(1),
        "AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp ResourceScatterAdd ResourceScatterDiv
         ResourceScatterMax ResourceScatterMin ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdSub
         ResourceScatterSub ScatterAdd ScatterDiv ScatterMax ScatterMin ScatterMul ScatterNd ScatterNdAdd
         ScatterNdSub ScatterSub TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub",
    ),
    (Class::Updates(2), "ApplyGradientDescent ResourceApplyGradientDescent"),
    (
        Class::Updates(5),
        "ApplyAdagrad ApplyAdagradDA ApplyAdagradV2 ApplyAddSign ApplyMomentum ApplyProximalAdagrad
         ApplyProximalGradientDescent ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2
         ResourceApplyAddSign ResourceApplyMomentum ResourceApplyProximalAdagrad ResourceApplyProximalGradientDescent
         ResourceSparseApplyAdagrad ResourceSparseApplyAdagradDA ResourceSparseApplyAdagradV2
         ResourceSparseApplyMomentum ResourceSparseApplyProximalAdagrad ResourceSparseApplyProximalGradientDescent
         SparseApplyAdagrad SparseApplyAdagradDA SparseApplyAdagradV2 SparseApplyMomentum SparseApplyProximalAdagrad
         SparseApplyProximalGradientDescent",
    ),
    (
        Class::Updates(12),
        "ApplyAdaMax ApplyAdadelta ApplyAdam ApplyCenteredRMSProp ApplyFtrl ApplyFtrlV2 ApplyPowerSign ApplyRMSProp
         ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdam ResourceApplyCenteredRMSProp ResourceApplyFtrl
         ResourceApplyFtrlV2 ResourceApplyPowerSign ResourceApplyRMSProp ResourceSparseApplyAdadelta
         ResourceSparseApplyCenteredRMSProp ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2
         ResourceSparseApplyRMSProp SparseApplyAdadelta SparseApplyCenteredRMSProp SparseApplyFtrl SparseApplyFtrlV2
         SparseApplyRMSProp",
    ),
    (
        Class::Elementwise,
        "Abs Acos Acosh AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2 Atanh AvgPool3DGrad AvgPoolGrad
         BesselI0e BesselI1e Betainc BiasAdd BitwiseAnd BitwiseOr BitwiseXor Ceil CheckNumerics ClipByValue
         CombinedNonMaxSuppression Complex ComplexAbs Conj Cos Cosh CropAndResize CropAndResizeGradBoxes
         CropAndResizeGradImage Cross Cumprod Cumsum CumulativeLogsumexp Dequantize Digamma Div DivNoNan Elu EluGrad
         Equal Erf Erfc Erfinv Exp Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxArgsGradient
         FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsGradient FakeQuantWithMinMaxVarsPerChannel
         FakeQuantWithMinMaxVarsPerChannelGradient Floor FloorDiv FloorMod Greater GreaterEqual Igamma Igammac Imag
         InplaceAdd InplaceSub Invert IsFinite IsInf IsNan LSTMBlockCellGrad LeakyRelu LeakyReluGrad LeftShift Less
         LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr MaxPool3DGrad MaxPool3DGradGrad
         MaxPoolGrad MaxPoolGradGrad MaxPoolGradGradV2 MaxPoolGradGradWithArgmax MaxPoolGradV2 MaxPoolGradWithArgmax
         Maximum Minimum Mul MulNoNan Ndtri Neg NextAfter NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
         NonMaxSuppressionV4 NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps NotEqual Polygamma PopulationCount Pow
         QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
         QuantizeAndDequantizeV4Grad QuantizeV2 RandomStandardNormal RandomUniform RandomUniformInt Real RealDiv
         Reciprocal ReciprocalGrad Relu Relu6 Relu6Grad ReluGrad ResizeArea ResizeBicubic ResizeBicubicGrad
         ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor ResizeNearestNeighborGrad RightShift Rint Round
         Rsqrt RsqrtGrad ScaleAndTranslate Selu SeluGrad Sigmoid SigmoidGrad Sign Sin Sinh Softplus SoftplusGrad
         Softsign SoftsignGrad SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul SparseSparseMaximum
         SparseSparseMinimum Sqrt SqrtGrad Square SquaredDifference StatelessRandomNormal StatelessRandomNormalV2
         StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
         StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal
         StatelessTruncatedNormalV2 Sub Tan Tanh TanhGrad ToBool TruncateDiv TruncateMod TruncatedNormal Xdivy
         Xlog1py Xlogy Zeta",
    ),
    (
        Class::Moves,
        "Assert Assign AssignVariableOp BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs
         BroadcastTo Bucketize Case Cast ComputeAccidentalHits Concat ConcatOffset ConcatV2 ConjugateTranspose Const
         ControlTrigger CountUpTo DataFormatDimMap DataFormatVecPermute DeepCopy DenseToDenseSetOperation
         DenseToSparseSetOperation DepthToSpace DestroyResourceOp DestroyTemporaryVariable DeviceIndex Diag DiagPart
         DrawBoundingBoxes DrawBoundingBoxesV2 DynamicPartition DynamicStitch Empty EmptyTensorList EnsureShape
         ExpandDims ExtractGlimpse ExtractImagePatches Fill For Gather GatherNd GatherV2 GuaranteeConst Identity
         IdentityN If InplaceUpdate InvertPermutation IsVariableInitialized ListDiff LowerBound MatrixBandPart
         MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag
         MatrixSetDiagV2 MatrixSetDiagV3 Merge MirrorPad MirrorPadGrad NoOp OneHot OnesLike OptionalFromValue
         OptionalGetValue OptionalHasValue OptionalNone Pack Pad PadV2 ParallelConcat ParallelDynamicStitch
         PartitionedCall Placeholder PlaceholderWithDefault PreventGradient Print PrintV2 RandomShuffle Range Rank
         ReadVariableOp RefIdentity RefMerge RefSelect RefSwitch RemoteCall Reshape ResourceGather
         ResourceGatherNd ResourceScatterNdUpdate ResourceScatterUpdate ResourceStridedSliceAssign ReverseSequence ReverseV2 Roll
         ScatterNdUpdate ScatterUpdate Select SelectV2 SetSize Shape ShapeN Size Slice SpaceToBatch SpaceToBatchND
         SpaceToDepth SparseConcat SparseFillEmptyRows SparseFillEmptyRowsGrad SparseReorder SparseReshape
         SparseSlice SparseSplit SparseToDense SparseToSparseSetOperation Split SplitV Squeeze StackCloseV2
         StackPopV2 StackPushV2 StackV2 StatefulPartitionedCall StatelessCase StatelessIf
         StatelessRandomGetKeyCounter StatelessWhile StopGradient StridedSlice StridedSliceAssign StridedSliceGrad
         StringFormat Switch TemporaryVariable TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3
         TensorArrayGradV3 TensorArrayGradWithShape TensorArrayPack TensorArrayReadV3 TensorArrayScatterV3
         TensorArraySizeV3 TensorArraySplitV3 TensorArrayUnpack TensorArrayV3 TensorArrayWriteV3 TensorListConcat
         TensorListConcatLists TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
         TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch
         TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2
         TensorListSetItem TensorListSplit TensorListStack TensorScatterUpdate TensorStridedSliceUpdate Tile
         Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack UnravelIndex UpperBound VarHandleOp
         VarIsInitializedOp Variable VariableShape VariableV2 Where While ZerosLike _Arg",
    ),
    // Strings are not arithmetic, whatever they cost.
    (
        Class::Moves,
        "AsString DecodeBase64 DecodeRaw DecodeWav EncodeBase64 HashTableV2 InitializeTableV2 IteratorGetNext
         IteratorToStringHandle IteratorV2 LookupTableExportV2 LookupTableFindV2 LookupTableImportV2
         LookupTableInsertV2 LookupTableRemoveV2 LookupTableSizeV2 MutableHashTableOfTensorsV2 MutableHashTableV2
         ReduceJoin RegexFullMatch RegexReplace ShardedFilename ShardedFilespec StaticRegexFullMatch
         StaticRegexReplace StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2 StringStrip
         StringToHashBucket StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper Substr
         UnsortedSegmentJoin",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_op_of_the_table_has_one_class() {
        let rows: BTreeSet<&str> =
            sessile::ops::OPS.iter().flat_map(|family| family.iter()).map(|row| row.name).collect();
        let mut listed = BTreeSet::new();
        let twice: Vec<&str> = names().map(|(name, _)| name).filter(|name| !listed.insert(*name)).collect();
        let absent: Vec<_> = rows.difference(&listed).collect();
        let no_rows: Vec<_> = listed.difference(&rows).collect();
        assert!(twice.is_empty(), "listed twice: {twice:?}");
        // Ops that passes make are never in a graph that is looked at.
        assert!(absent.iter().all(|name| name.starts_with("_Fused")), "without a class: {absent:?}");
        assert!(no_rows.is_empty(), "no rows: {no_rows:?}");
    }
}
