// Stands in for a header of CUDA where that is not there: the exchange of tensors needs none of CUDA's linear algebra, but headers of
// libtorch that it needs name its handles. The shim neither makes nor measures objects of these types, and calls none of their functions;
// the real headers, where they are, are found first.
#pragma once

typedef struct cublasContext *cublasHandle_t;
typedef int cublasStatus_t;
