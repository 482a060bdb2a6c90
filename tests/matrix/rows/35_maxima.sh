# shellcheck shell=bash
# load: maxima on GNU Common Lisp, which brings a malloc of its own: factors, integrals, a determinant, 400 digits
# compared: the results
version() { maxima --version 2>/dev/null | head -n 1 | sed 's/^M/m/'; }

run() {
  traced maxima --very-quiet --batch-string='display2d:false$ print(factor(x^12-1))$ print(integrate(1/(1+x^4),x))$
    print(determinant(genmatrix(lambda([i,j],1/(i+j-1)),12,12)))$ fpprec:400$ print(bfloat(%pi))$
    print(ratsimp(taylor(exp(sin(x)),x,0,14)))$ print(length(primes(1,200000)))$'
}
