/* special.cl: functions of floats that OpenCL C has no built-in for.
 *
 * Twins: tinygrad_cl/primitives/special.py (the rows), tinygrad_cl/primitives/special_numpy.py (the same formulas with
 * NumPy), tinygrad_cl/functional/special.py.
 *
 * It comes after vector.cl, once for each width and each type of float, where a kernel names one of its functions. They
 * are overloaded, so their names are the same for all registers.
 *
 * Macros
 *   REAL    the register: V_f32 or V_f64
 *   DOUBLE  1 if its lanes are doubles
 */
#ifndef REAL
#define REAL V_f32
#define DOUBLE 0
#endif

/* A number of the type of a lane; steps of a series that reach its precision. */
#if DOUBLE
#define NUM(x) x
#define STEPS(single_steps, double_steps) double_steps
#else
#define NUM(x) x##f
#define STEPS(single_steps, double_steps) single_steps
#endif
#define FULL(x) ((REAL)(NUM(x)))
#define LN_2 NUM(0.6931471805599453094)
#define PI NUM(3.1415926535897932385)

/* sin(pi x) / (pi x) */
OVERLOAD REAL special_sinc(const REAL x)
{
    return x == 0 ? FULL(1.0) : sinpi(x) / (PI * x);
}

/* x log(y), and 0 where x is. */
OVERLOAD REAL special_xlogy(const REAL x, const REAL y)
{
    return ((x == 0) & (y == y)) ? FULL(0.0) : x * log(y);
}

OVERLOAD REAL special_xlog1py(const REAL x, const REAL y)
{
    return ((x == 0) & (y == y)) ? FULL(0.0) : x * log1p(y);
}

OVERLOAD REAL special_entr(const REAL x)
{
    const REAL outside = x < 0 ? (REAL)(-INFINITY) : x;
    return x > 0 ? -x * log(x) : outside;
}

/* Equal operands apart: the difference of two infinities is NaN. */
OVERLOAD REAL special_logaddexp(const REAL a, const REAL b)
{
    return a == b ? a + LN_2 : MAXIMUM(a, b) + log1p(exp(-fabs(a - b)));
}

OVERLOAD REAL special_logaddexp2(const REAL a, const REAL b)
{
    return a == b ? a + NUM(1.0) : MAXIMUM(a, b) + log1p(exp2(-fabs(a - b))) / LN_2;
}

/* The cross-entropy of a probability with a target; logarithms stop at -100. */
OVERLOAD REAL special_binary_cross_entropy(const REAL x, const REAL t)
{
    const REAL low = FULL(-100.0), hit = log(x), miss = log1p(-x);
    return (t - NUM(1.0)) * MAXIMUM(miss, low) - t * MAXIMUM(hit, low);
}

/* Winitzki's approximation (2008), then two steps of Halley's method; where erf is flat, on erfc. */
OVERLOAD REAL special_erfinv(const REAL y)
{
    const REAL v = fabs(y), l = log1p(-v * v);
    const REAL h = NUM(4.3307467507998730) + NUM(0.5) * l, t = l * NUM(-6.8027210884353741);
    REAL z = sqrt(t / (sqrt(h * h + t) + h));
    for (int i = 0; i < 2; i++) {
        const REAL off = v > NUM(0.5) ? (NUM(1.0) - v) - erfc(z) : erf(z) - v;
        const REAL u = NUM(0.88622692545275801365) * off * exp(z * z);
        z -= u / (NUM(1.0) + u * z);
    }
    const REAL edge = v == NUM(1.0) ? (REAL)(INFINITY) : (REAL)(NAN);
    return copysign(v < NUM(1.0) ? z : edge, y);
}

/* exp(x x), with what the rounding of x x lost. */
OVERLOAD REAL special_exp_square(const REAL x)
{
    const REAL high = x * x, low = fma(x, x, -high);
    const REAL grown = exp(high);
    return grown < (REAL)(INFINITY) ? fma(grown, low, grown) : grown;
}

/* exp(x x) erfc(x); from 4 on by its continued fraction (Abramowitz and Stegun 7.1.14). */
OVERLOAD REAL special_erfcx(const REAL x)
{
    const REAL z = fabs(x);
    REAL f = z;
    for (int k = STEPS(8, 20); k > 0; k--)
        f = z + (NUM(0.5) * k) / f;
    const REAL near = special_exp_square(z) * erfc(z), far = NUM(0.56418958354775628695) / f;
    const REAL right = z < NUM(4.0) ? near : far;
    return x < 0 ? NUM(2.0) * special_exp_square(x) - right : right;
}

/* log of the normal distribution function */
OVERLOAD REAL special_log_ndtr(const REAL x)
{
    const REAL t = x * NUM(0.70710678118654752440);
    const REAL left = log(NUM(0.5) * special_erfcx(-t)) - t * t;
    return x < NUM(-1.0) ? left : log1p(NUM(-0.5) * erfc(t));
}

/* Ten steps of the recurrence, then the asymptotic series (Abramowitz and Stegun 6.3.18); below 0 by reflection. */
OVERLOAD REAL special_digamma(const REAL x)
{
    REAL y = x < 0 ? NUM(1.0) - x : x, sum = FULL(0.0);
    for (int k = 0; k < 10; k++) {
        sum += NUM(1.0) / y;
        y += NUM(1.0);
    }
    const REAL r = NUM(1.0) / (y * y);
    REAL series = r * NUM(-0.021092796092796092796) + NUM(0.0075757575757575757576);
    series = r * series - NUM(0.0041666666666666666667);
    series = r * series + NUM(0.0039682539682539682540);
    series = r * series - NUM(0.0083333333333333333333);
    series = r * series + NUM(0.0833333333333333333333);
    const REAL right = log(y) - NUM(0.5) / y - r * series - sum;
    const REAL mirrored = right - PI * cospi(x) / sinpi(x);
    const REAL left = x == floor(x) ? (REAL)(NAN) : mirrored;
    return x == 0 ? -copysign((REAL)(INFINITY), x) : (x < 0 ? left : right);
}

/* Hurwitz's sum of (q + k)^-s over k >= 0, for s > 1 and q > 0, by Euler and Maclaurin (DLMF 25.11.5) after 10 terms. */
OVERLOAD REAL special_zeta(const REAL s, const REAL q)
{
    REAL sum = FULL(0.0), a = q;
    for (int k = 0; k < 10; k++) {
        sum += pow(a, -s);
        a += NUM(1.0);
    }
    const REAL last = pow(a, -s), r = NUM(1.0) / (a * a);
    REAL series = NUM(-1.0) / NUM(1209600.0) * (s + NUM(5.0)) * (s + NUM(6.0)) * r + NUM(1.0) / NUM(30240.0);
    series = series * (s + NUM(3.0)) * (s + NUM(4.0)) * r - NUM(1.0) / NUM(720.0);
    series = series * (s + NUM(1.0)) * (s + NUM(2.0)) * r + NUM(1.0) / NUM(12.0);
    const REAL rest = last * (a / (s - NUM(1.0)) + NUM(0.5) + s * series / a);
    return a < (REAL)(INFINITY) ? sum + rest : (a != a ? a : FULL(0.0));
}

/* exp(-|x|) I_n(x) of the modified Bessel functions for n = 0 and 1: the power series, whose terms are all positive, and
 * the asymptotic one (Abramowitz and Stegun 9.6.10, 9.7.1). */
OVERLOAD REAL special_bessel(const REAL z, const int n)
{
    const REAL t = NUM(0.25) * z * z;
    REAL term = n == 0 ? FULL(1.0) : NUM(0.5) * z, near = term;
    for (int k = 1; k < STEPS(20, 36); k++) {
        term *= t * (NUM(1.0) / (k * (k + n)));
        near += term;
    }
    const REAL r = NUM(0.125) / z;
    REAL step = FULL(1.0), far = FULL(1.0);
    for (int k = 1; k < STEPS(10, 20); k++) {
        step *= r * (NUM(1.0) * ((2 * k - 1) * (2 * k - 1) - 4 * n) / k);
        far += step;
    }
    far *= NUM(0.39894228040143267794) * rsqrt(z);
    return z > STEPS(NUM(10.0), NUM(20.0)) ? far : near * exp(-z);
}

OVERLOAD REAL special_i0e(const REAL x)
{
    return special_bessel(fabs(x), 0);
}

OVERLOAD REAL special_i1e(const REAL x)
{
    return copysign(special_bessel(fabs(x), 1), x);
}

#undef NUM
#undef STEPS
#undef FULL
#undef LN_2
#undef PI
#undef REAL
#undef DOUBLE
