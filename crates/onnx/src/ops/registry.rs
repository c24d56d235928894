//! The list of all operators, which errors, documentation and the command line show.

use super::{
    arithmetic, constant, conv, function, gather, join, linear, logic, ml, norm, pool, quantized,
    recurrent, reduce, resize, shape, slice, softmax,
};
use crate::call::Import;
use crate::graph::own;

/// A supported operator.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Name in its domain.
    pub name: &'static str,
    /// Whether it belongs to ONNX-ML (`ai.onnx.ml`) instead of ONNX's own domain.
    pub ml: bool,
    /// Family, as the documentation groups operators.
    pub family: &'static str,
    /// What is supported of it, or empty where everything is.
    pub limits: &'static str,
    pub(crate) import: Import,
}

macro_rules! operators {
    ($($family:literal { $($domain:ident $name:literal $limits:literal $import:expr;)* })*) => {
        const OPERATORS: &[Operator] = &[$($(Operator {
            name: $name,
            ml: operators!(@ml $domain),
            family: $family,
            limits: $limits,
            import: $import,
        },)*)*];
    };
    (@ml onnx) => { false };
    (@ml ml) => { true };
}

operators! {
    "Linear" {
        onnx "Add" "" arithmetic::add;
        onnx "AveragePool" "one or two axes" pool::average_pool;
        onnx "BatchNormalization" "inference" norm::batch_normalization;
        onnx "Conv" "one or two axes; constant weights" conv::conv;
        onnx "ConvTranspose" "one or two axes; constant weights" conv::conv_transpose;
        onnx "CumSum" "" reduce::cum_sum;
        onnx "Div" "" arithmetic::div;
        onnx "Gemm" "" linear::gemm;
        onnx "GlobalAveragePool" "" pool::global_average_pool;
        onnx "MatMul" "" linear::matmul;
        onnx "Mean" "" arithmetic::mean;
        onnx "Mul" "" arithmetic::mul;
        onnx "Neg" "" arithmetic::neg;
        onnx "ReduceMean" "" reduce::mean;
        onnx "ReduceSum" "" reduce::sum;
        onnx "Resize" "nearest and linear, constant scales or sizes" resize::resize;
        onnx "Sub" "" arithmetic::sub;
        onnx "Sum" "" arithmetic::sum;
        onnx "Upsample" "nearest and linear, constant scales" resize::resize;
    }
    "Shape" {
        onnx "Cast" "to float32, float64, bool, integers" constant::cast;
        onnx "CastLike" "as Cast" constant::cast_like;
        onnx "Compress" "constant condition" reduce::compress;
        onnx "Concat" "" join::concat;
        onnx "Constant" "" constant::constant;
        onnx "ConstantOfShape" "constant shape" constant::constant_of_shape;
        onnx "DepthToSpace" "" shape::depth_to_space;
        onnx "Dropout" "inference" shape::dropout;
        onnx "Expand" "constant shape" shape::expand;
        onnx "Flatten" "" shape::flatten;
        onnx "Gather" "constant indices, or a constant table of one axis" gather::gather;
        onnx "GatherElements" "constant indices" gather::gather_elements;
        onnx "GatherND" "constant indices" gather::gather_nd;
        onnx "Identity" "" shape::identity;
        onnx "OneHot" "constants" gather::one_hot;
        onnx "Pad" "constant pads" slice::pad;
        onnx "Range" "constants" constant::range;
        onnx "Reshape" "constant shape" shape::reshape;
        onnx "ScatterND" "constant indices; no reduction" gather::scatter_nd;
        onnx "Shape" "" constant::shape;
        onnx "Size" "" constant::size;
        onnx "Slice" "constant starts, ends and steps" slice::slice;
        onnx "SpaceToDepth" "" shape::space_to_depth;
        onnx "Split" "constant sizes" join::split;
        onnx "Squeeze" "constant axes" shape::squeeze;
        onnx "Tile" "constant repeats" shape::tile;
        onnx "Transpose" "" shape::transpose;
        onnx "Trilu" "constant diagonal" slice::trilu;
        onnx "Unsqueeze" "constant axes" shape::unsqueeze;
    }
    "Non-linear" {
        onnx "Abs" "" function::abs;
        onnx "ArgMax" "" reduce::arg_max;
        onnx "ArgMin" "" reduce::arg_min;
        onnx "Ceil" "" function::ceil;
        onnx "Celu" "" function::celu;
        onnx "Clip" "constant bounds" function::clip;
        onnx "Elu" "" function::elu;
        onnx "Erf" "" function::erf;
        onnx "Exp" "" function::exp;
        onnx "Floor" "" function::floor;
        onnx "Gelu" "" function::gelu;
        onnx "GlobalMaxPool" "" pool::global_max_pool;
        onnx "GroupNormalization" "constant scale and bias" norm::group_normalization;
        onnx "HardSigmoid" "" function::hard_sigmoid;
        onnx "HardSwish" "" function::hard_swish;
        onnx "Hardmax" "" softmax::hardmax;
        onnx "InstanceNormalization" "constant scale and bias" norm::instance_normalization;
        onnx "LayerNormalization" "constant scale and bias; first output" norm::layer_normalization;
        onnx "LeakyRelu" "" function::leaky_relu;
        onnx "Log" "" function::log;
        onnx "LogSoftmax" "" softmax::log_softmax;
        onnx "LpNormalization" "p 1 and 2" ml::features::lp_normalization;
        onnx "Max" "" arithmetic::max;
        onnx "MaxPool" "one or two axes; values, not positions" pool::max_pool;
        onnx "Min" "" arithmetic::min;
        onnx "Mish" "" function::mish;
        onnx "PRelu" "constant slope" function::prelu;
        onnx "Pow" "constant exponents" function::pow;
        onnx "Reciprocal" "" function::reciprocal;
        onnx "ReduceL1" "" reduce::l1;
        onnx "ReduceL2" "" reduce::l2;
        onnx "ReduceLogSum" "" reduce::log_sum;
        onnx "ReduceLogSumExp" "" reduce::reduce_log_sum_exp;
        onnx "ReduceMax" "" reduce::max;
        onnx "ReduceMin" "" reduce::min;
        onnx "ReduceProd" "" reduce::prod;
        onnx "ReduceSumSquare" "" reduce::sum_square;
        onnx "Relu" "" function::relu;
        onnx "Round" "" function::round;
        onnx "Selu" "" function::selu;
        onnx "Shrink" "" function::shrink;
        onnx "Sigmoid" "" function::sigmoid;
        onnx "Sign" "" function::sign;
        onnx "Softmax" "" softmax::softmax_operator;
        onnx "Softplus" "" function::softplus;
        onnx "Softsign" "" function::softsign;
        onnx "Sqrt" "" function::sqrt;
        onnx "Tanh" "" function::tanh;
        onnx "ThresholdedRelu" "" function::thresholded_relu;
        onnx "TopK" "k of 1" reduce::top_k;
    }
    "Logic" {
        onnx "And" "" logic::and;
        onnx "Equal" "" logic::equal;
        onnx "Greater" "" logic::greater;
        onnx "GreaterOrEqual" "" logic::greater_or_equal;
        onnx "IsInf" "always false" logic::never;
        onnx "IsNaN" "always false" logic::never;
        onnx "Less" "" logic::less;
        onnx "LessOrEqual" "" logic::less_or_equal;
        onnx "Mod" "constants" logic::modulo;
        onnx "Not" "" logic::not;
        onnx "Or" "" logic::or;
        onnx "Where" "" logic::choose;
        onnx "Xor" "" logic::xor;
    }
    "Recurrent" {
        onnx "GRU" "constant weights; full sequences" recurrent::gru;
        onnx "LSTM" "constant weights; full sequences" recurrent::lstm;
        onnx "RNN" "constant weights; full sequences" recurrent::rnn;
    }
    "Quantized" {
        onnx "ConvInteger" "constant weights" quantized::conv_integer;
        onnx "DequantizeLinear" "constant scale, one or one per position of an axis" quantized::dequantize_linear;
        onnx "DynamicQuantizeLinear" "" quantized::dynamic_quantize_linear;
        onnx "MatMulInteger" "" quantized::mat_mul_integer;
        onnx "QLinearConv" "constant weights and scales" quantized::q_linear_conv;
        onnx "QLinearMatMul" "constant scales" quantized::q_linear_mat_mul;
        onnx "QuantizeLinear" "to integers; constant scale, one or one per position of an axis" quantized::quantize_linear;
    }
    "ONNX-ML" {
        ml "ArrayFeatureExtractor" "constant indices, or a constant table" gather::array_feature_extractor;
        ml "Binarizer" "" ml::features::binarizer;
        ml "FeatureVectorizer" "" ml::features::feature_vectorizer;
        ml "Imputer" "" ml::features::imputer;
        ml "LabelEncoder" "numbers, and classes that the graph computed" ml::labels::label_encoder;
        ml "LinearClassifier" "" ml::linear::classifier;
        ml "LinearRegressor" "" ml::linear::regressor;
        ml "Normalizer" "" ml::features::normalizer;
        ml "OneHotEncoder" "integer categories; zeros 1" ml::features::one_hot_encoder;
        ml "SVMClassifier" "kernels LINEAR, POLY, RBF, SIGMOID; probabilities of two classes" ml::svm::classifier;
        ml "SVMRegressor" "kernels LINEAR, POLY, RBF, SIGMOID" ml::svm::regressor;
        ml "Scaler" "" ml::features::scaler;
        ml "TreeEnsemble" "" ml::tree_ensemble::tree_ensemble;
        ml "TreeEnsembleClassifier" "" ml::trees::classifier;
        ml "TreeEnsembleRegressor" "" ml::trees::regressor;
        ml "ZipMap" "left out: scores stay in the order of the classes" ml::labels::zip_map;
    }
}

/// Every supported operator.
pub fn operators() -> &'static [Operator] {
    OPERATORS
}

/// The importer of an operator.
pub(crate) fn find(domain: &str, op_type: &str) -> Option<&'static Operator> {
    let ml = match domain {
        "ai.onnx.ml" => true,
        domain if own(domain) => false,
        _ => return None,
    };
    OPERATORS
        .iter()
        .find(|operator| operator.ml == ml && operator.name == op_type)
}

/// Names of all supported operators, for people.
pub(crate) fn supported() -> String {
    let mut names: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
    names.sort_unstable();
    names.join(", ")
}
