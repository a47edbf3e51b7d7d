/** Every operator; `registry.ts` is built from these exports. */
export { abs } from './abs.ts';
export { acos } from './acos.ts';
export { acosh } from './acosh.ts';
export { add } from './add.ts';
export { argMax } from './argMax.ts';
export { argMin } from './argMin.ts';
export { asin } from './asin.ts';
export { asinh } from './asinh.ts';
export { atan } from './atan.ts';
export { atanh } from './atanh.ts';
export { batchNorm, batchNormGrad, batchNormInference, movingAverage } from './batchNorm.ts';
export { bitcast } from './bitcast.ts';
export { bitwiseAnd } from './bitwiseAnd.ts';
export { bitwiseOr } from './bitwiseOr.ts';
export { bitwiseXor } from './bitwiseXor.ts';
export { broadcast } from './broadcast.ts';
export { cast } from './cast.ts';
export { ceil } from './ceil.ts';
export { chain } from './chain.ts';
export { clip, clipGrad } from './clip.ts';
export { concat } from './concat.ts';
export { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
export { copy } from './copy.ts';
export { cos } from './cos.ts';
export { cosh } from './cosh.ts';
export { cumulative } from './cumulative.ts';
export { depthwiseConv2d, depthwiseGradInput, depthwiseGradWeight } from './depthwiseConv2d.ts';
export { det } from './det.ts';
export { div } from './div.ts';
export { dropout } from './dropout.ts';
export { elu, eluGrad } from './elu.ts';
export { equal } from './equal.ts';
export { erf, erfGrad } from './erf.ts';
export { exp } from './exp.ts';
export { floor } from './floor.ts';
export { gather, gatherGrad } from './gather.ts';
export { gelu, geluGrad } from './gelu.ts';
export { geluTanh, geluTanhGrad } from './geluTanh.ts';
export { greater } from './greater.ts';
export { greaterOrEqual } from './greaterOrEqual.ts';
export { groupNorm, groupNormGrad } from './groupNorm.ts';
export { hardSigmoid, hardSigmoidGrad } from './hardSigmoid.ts';
export { hardSwish, hardSwishGrad } from './hardSwish.ts';
export { headAttention } from './headAttention.ts';
export { isInf } from './isInf.ts';
export { isNaN } from './isNaN.ts';
export { leakyRelu, leakyReluGrad } from './leakyRelu.ts';
export { linear, linearGradInput, linearGradWeight } from './linear.ts';
export { log } from './log.ts';
export { matmul } from './matmul.ts';
export { max } from './max.ts';
export { min } from './min.ts';
export { mish, mishGrad } from './mish.ts';
export { mod } from './mod.ts';
export { mul } from './mul.ts';
export { neg } from './neg.ts';
export { nonMaxSuppression } from './nonMaxSuppression.ts';
export { nonZero } from './nonZero.ts';
export {
  accumulate,
  adagradUpdate,
  adamUpdate,
  clear,
  clipScale,
  increment,
  momentumUpdate,
  rmspropUpdate,
  sgdUpdate,
} from './optimizers.ts';
export { pad, padGrad } from './pad.ts';
export { planarConv2d } from './planarConv2d.ts';
export { averagePool2d, averagePool2dGrad, maxPool2d, maxPool2dGrad } from './pool.ts';
export { pow } from './pow.ts';
export { reciprocal } from './reciprocal.ts';
export { gru, gruGrad, lstm, lstmGrad, rnn, rnnGrad } from './recurrent.ts';
export { reduceMax } from './reduceMax.ts';
export { reduceMean } from './reduceMean.ts';
export { reduceMin } from './reduceMin.ts';
export { reduceProd } from './reduceProd.ts';
export { reduceSquares } from './reduceSquares.ts';
export { reduceSum } from './reduceSum.ts';
export { relu, reluGrad } from './relu.ts';
export { reshape } from './reshape.ts';
export { resize, resizeGrad } from './resize.ts';
export { roiAlign } from './roiAlign.ts';
export { round } from './round.ts';
export { scatter } from './scatter.ts';
export { selu, seluGrad } from './selu.ts';
export { shiftLeft } from './shiftLeft.ts';
export { shiftRight } from './shiftRight.ts';
export { sigmoid, sigmoidGrad } from './sigmoid.ts';
export { sign } from './sign.ts';
export { silu, siluGrad } from './silu.ts';
export { sin } from './sin.ts';
export { sinh } from './sinh.ts';
export { slice, sliceGrad } from './slice.ts';
export { logSoftmax, logSoftmaxGrad, softmax, softmaxGrad } from './softmax.ts';
export { softmaxCrossEntropy, softmaxCrossEntropyGrad } from './softmaxCrossEntropy.ts';
export { softplus, softplusGrad } from './softplus.ts';
export { softsign, softsignGrad } from './softsign.ts';
export { sqrt, sqrtGrad } from './sqrt.ts';
export { square } from './square.ts';
export { sub } from './sub.ts';
export { tan } from './tan.ts';
export { tanh, tanhGrad } from './tanh.ts';
export { topK } from './topK.ts';
export { transpose } from './transpose.ts';
export { treeEnsemble } from './treeEnsemble.ts';
export { unique } from './unique.ts';
export { where } from './where.ts';
