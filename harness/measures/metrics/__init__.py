"""Other metrics than cosine: do prompts of different emotions lie apart in them?

Every metric starts from `means.mean_gram`, the inner products of prompt means, and all
but one end in a matrix over pairs of prompts that no relabeling changes. What a metric
says of a labelling is then `similarity.emotion_signals` of that matrix, in the metric's
own unit, so that 10,000 relabelings of all metrics cost one matrix product. Pairs of
one matched template are left out, as they are for cosines.

- `euclidean`: squared distance between the emotions' centroids, cross-validated
- `crossnobis`: the same after the noise between prompts was whitened
- `mmd`: maximum mean discrepancy with a Gaussian kernel, unbiased
- `dependence`: debiased CKA and bias-corrected distance correlation with the emotion
- `cca`: canonical correlations of a fixed number of principal components
- `wasserstein`: sliced, from sorted projections; the one that is no matrix
- `documented`: Euclidean norm and CKA as the documents compute them

Some of them are one test in two units. Where every emotion has as many prompts, CKA
with a linear kernel and the cross-validated Euclidean distance order all relabelings
alike, and so give one p; a distance correlation with labels is an energy distance
(Shen & Vogelstein 2021, doi:10.1007/s10182-020-00378-1).

Conventions
-----------
A Gram matrix has shape `(layers, prompts, prompts)`, and so has what a metric makes of
it. Every metric is large where emotions lie apart, and near zero on average where they
do not, but for the canonical correlations and the Wasserstein distance.
"""
