import * as tf from '@tensorflow/tfjs';

// Production mode keeps tfjs from printing its advice to install another backend on the first tensor.
tf.enableProdMode();

/**
 * The one import of tfjs. It is the union package on purpose: imported from Node, `@tensorflow/tfjs-core` alone
 * registers no gradients.
 */
export { tf };
