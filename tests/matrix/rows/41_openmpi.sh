# shellcheck shell=bash
# load: Open MPI, four ranks: rings, reductions and an all-to-all of 4 MiB through shared memory; a rank that aborts
# compared: the sums, the exit status of the job that aborts
version() { mpirun --version | head -n 1 | sed -E 's/.*\) /Open MPI /'; }

prepare() {
  cat >row.c <<'END'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
  int rank, size, n = 1 << 18;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  double *a = malloc(n * sizeof *a * size), *b = malloc(n * sizeof *b * size), sum = 0, all;
  for (int i = 0; i < n * size; i++)
    a[i] = rank * 1000 + i % 97;
  for (int round = 0; round < 20; round++) {
    MPI_Alltoall(a, n, MPI_DOUBLE, b, n, MPI_DOUBLE, MPI_COMM_WORLD);
    MPI_Sendrecv(b, n, MPI_DOUBLE, (rank + 1) % size, 0, a, n, MPI_DOUBLE, (rank + size - 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  for (int i = 0; i < n * size; i++)
    sum += a[i];
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0)
    printf("%d ranks, sum %.0f\n", size, all);
  if (argc > 1 && rank == 1)
    MPI_Abort(MPI_COMM_WORLD, 7);
  MPI_Finalize();
  free(a);
  free(b);
  return 0;
}
END
  mpicc -O1 -o row row.c
}
run() {
  local options=(--allow-run-as-root --oversubscribe --mca btl self,vader --mca plm isolated -np 4)
  traced mpirun "${options[@]}" ./row 2>&1
  traced mpirun "${options[@]}" ./row abort 2>abort.log || echo "aborted with $?"
  grep -E 'vmtrace:|signal 11|Segmentation' abort.log || :
}
