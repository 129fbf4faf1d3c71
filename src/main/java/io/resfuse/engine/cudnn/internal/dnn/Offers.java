package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.library.Library.Product;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionBwdDataAlgo;
import jcuda.jcudnn.cudnnConvolutionBwdDataAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgo;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnTensorDescriptor;

/** Asks cuDNN which algorithms it has for the products of a convolution. */
final class Offers {
  private final cudnnHandle handle;
  private final cudnnTensorDescriptor input;
  private final cudnnFilterDescriptor weights;
  private final cudnnConvolutionDescriptor convolution;
  private final cudnnTensorDescriptor output;
  private final boolean measured;
  private final String doing;

  private Offers(
      Handle handle, ConvolutionDescriptors descriptors, AlgorithmChoice choice, String doing) {
    this.handle = handle.handle();
    this.input = descriptors.input().handle();
    this.weights = descriptors.weights().handle();
    this.convolution = descriptors.convolution().handle();
    this.output = descriptors.output().handle();
    this.measured = choice == AlgorithmChoice.MEASUREMENT;
    this.doing = doing;
  }

  /**
   * What cuDNN offers.
   *
   * @param handle of the device
   * @param doing for messages
   * @return the fastest first
   */
  static List<Algorithm.Offer> of(
      Handle handle,
      ConvolutionDescriptors descriptors,
      Product product,
      AlgorithmChoice choice,
      String doing) {
    Offers offers = new Offers(handle, descriptors, choice, doing);
    return switch (product) {
      case OUTPUT -> offers.forward();
      case INPUT_GRADIENT -> offers.backwardData();
      case WEIGHT_GRADIENT -> offers.backwardFilter();
    };
  }

  private List<Algorithm.Offer> forward() {
    return ask(
        most -> JCudnn.cudnnGetConvolutionForwardAlgorithmMaxCount(handle, most),
        cudnnConvolutionFwdAlgoPerf::new,
        cudnnConvolutionFwdAlgoPerf[]::new,
        (count, offers) ->
            measured
                ? JCudnn.cudnnFindConvolutionForwardAlgorithm(
                    handle, input, weights, convolution, output, offers.length, count, offers)
                : JCudnn.cudnnGetConvolutionForwardAlgorithm_v7(
                    handle, input, weights, convolution, output, offers.length, count, offers),
        perf ->
            new Algorithm.Offer(
                cudnnConvolutionFwdAlgo.stringFor(perf.algo),
                perf.algo,
                perf.status,
                perf.memory,
                perf.determinism,
                perf.mathType));
  }

  private List<Algorithm.Offer> backwardData() {
    return ask(
        most -> JCudnn.cudnnGetConvolutionBackwardDataAlgorithmMaxCount(handle, most),
        cudnnConvolutionBwdDataAlgoPerf::new,
        cudnnConvolutionBwdDataAlgoPerf[]::new,
        (count, offers) ->
            measured
                ? JCudnn.cudnnFindConvolutionBackwardDataAlgorithm(
                    handle, weights, output, convolution, input, offers.length, count, offers)
                : JCudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                    handle, weights, output, convolution, input, offers.length, count, offers),
        perf ->
            new Algorithm.Offer(
                cudnnConvolutionBwdDataAlgo.stringFor(perf.algo),
                perf.algo,
                perf.status,
                perf.memory,
                perf.determinism,
                perf.mathType));
  }

  private List<Algorithm.Offer> backwardFilter() {
    return ask(
        most -> JCudnn.cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(handle, most),
        cudnnConvolutionBwdFilterAlgoPerf::new,
        cudnnConvolutionBwdFilterAlgoPerf[]::new,
        (count, offers) ->
            measured
                ? JCudnn.cudnnFindConvolutionBackwardFilterAlgorithm(
                    handle, input, output, convolution, weights, offers.length, count, offers)
                : JCudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                    handle, input, output, convolution, weights, offers.length, count, offers),
        perf ->
            new Algorithm.Offer(
                cudnnConvolutionBwdFilterAlgo.stringFor(perf.algo),
                perf.algo,
                perf.status,
                perf.memory,
                perf.determinism,
                perf.mathType));
  }

  /** cuDNN's function that orders its algorithms. */
  private interface Chooser<T> {
    int choose(int[] count, T[] offers);
  }

  private <T> List<Algorithm.Offer> ask(
      ToIntFunction<int[]> counter,
      Supplier<T> empty,
      Function<Integer, T[]> array,
      Chooser<T> chooser,
      Function<T, Algorithm.Offer> translation) {
    int[] most = new int[1];
    Dnn.check(counter.applyAsInt(most), "counting algorithms");
    T[] offers = array.apply(most[0]);
    Arrays.setAll(offers, i -> empty.get());
    int[] count = new int[1];
    Dnn.check(chooser.choose(count, offers), "choosing an algorithm for " + doing);
    return Arrays.stream(offers).limit(count[0]).map(translation).toList();
  }
}
