/* gr_real, the number that everything is computed in: float, or double where library and program
 * are both compiled with -DGR_DOUBLE (make double). */
#ifndef GR_REAL_H
#define GR_REAL_H

#ifdef GR_DOUBLE
typedef double gr_real;
#else
typedef float gr_real;
#endif

#endif
