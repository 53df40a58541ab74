// exp, sigmoid and tanh that the compiler turns into vector code; NaN stays NaN.

#pragma once

#include <cstdint>

namespace {

// 2^n from n + 1.5 2^23 (2^52), whose lowest bits are n
inline float power_of_two(float shifted) {
    return __builtin_bit_cast(float, (__builtin_bit_cast(uint32_t, shifted) << 23) + (uint32_t(127) << 23));
}
inline double power_of_two(double shifted) {
    return __builtin_bit_cast(double, (__builtin_bit_cast(uint64_t, shifted) << 52) + (uint64_t(1023) << 52));
}
// 2^n 2^r with n = round(x / ln 2): a polynomial for |r| <= 1/2, interpolated at Chebyshev's points
inline float exp_(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 87.0f ? 87.0f : x;
    const float shifted = x * 1.44269504f + 12582912.0f, r = x * 1.44269504f - (shifted - 12582912.0f);
    float p = 1.546144469856561656e-4f;
    p = p * r + 1.3400428177615738475e-3f;
    p = p * r + 9.6180566785246516055e-3f;
    p = p * r + 5.550327226670302407e-2f;
    p = p * r + 2.402265092228875795e-1f;
    p = p * r + 6.931472067028325955e-1f;
    return (p * r + 1.0f) * power_of_two(shifted);
}
inline double exp_(double x) {
    x = x < -700.0 ? -700.0 : x;
    x = x > 700.0 ? 700.0 : x;
    const double shifted = x * 1.4426950408889634074 + 6755399441055744.0;
    const double r = x * 1.4426950408889634074 - (shifted - 6755399441055744.0);
    double p = 4.4555913652161149761e-10;
    p = p * r + 7.0741909073205067646e-9;
    p = p * r + 1.017805882243255024e-7;
    p = p * r + 1.3215432559319351174e-6;
    p = p * r + 1.5252733836683869538e-5;
    p = p * r + 1.5403530463664123862e-4;
    p = p * r + 1.3333558146412545642e-3;
    p = p * r + 9.618129107587326653e-3;
    p = p * r + 5.55041086648215954e-2;
    p = p * r + 2.4022650695910159222e-1;
    p = p * r + 6.9314718055994530975e-1;
    return (p * r + 1.0) * power_of_two(shifted);
}
template <class T> inline T sigmoid(T x) { return T(1) / (T(1) + exp_(-x)); }
template <class T> inline T tanh_(T x) {
    const T e = exp_(x + x);
    return T(1) - T(2) / (T(1) + e);
}

}  // namespace
