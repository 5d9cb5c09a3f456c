"""Cases of penalty: filed, investigated, noticed, reviewed, decided, served."""
