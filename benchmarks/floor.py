"""The fewest floating-point operations that each exact answer needs, in matrix products alone.

A product of a x b and b x c counts 2abc. What a change cannot reach is not counted; norms,
activation functions and softmax are left out: no program can be faster than this.
"""

from helpers import Model


class Floor:
    """Counts for one model.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        d, width = model.d_model, model.n_heads * model.d_head
        shared = model.n_kv_heads * model.d_head
        self.qk = 2 * d * (width + shared)
        self.qkv = self.qk + 2 * d * shared
        self.kv = 4 * d * shared
        mlp = model.bridge.blocks[0].mlp.original_component if model.has_mlps else None
        weights = mlp.parameters() if mlp is not None else ()
        self.block = self.qkv + 2 * width * d + 2 * sum(w.numel() for w in weights if w.ndim == 2)
        self.per_key = 2 * width  # one query against one key; as much again for its value
        self.unembed = 2 * d * model.d_vocab

    def grid(self, n: int, sequences: int = 1) -> int:
        """One MLP output replaced at a time: every layer, every second-half position."""
        layers = self.model.n_layers
        total = self._run(0, 2 * n) + n * self.unembed
        for p in range(n + 1, 2 * n):
            changed = 2 * n - p  # positions p … 2N - 1: the last one predicts nothing
            tail = self._run(p, 2 * n)
            # In the next block only position p has new queries, keys and values.
            spared = (changed - 1) * self.qkv
            for layer in range(layers - 1):
                blocks = layers - 1 - layer
                total += tail * blocks // layers - spared + changed * self.unembed
            total += self.unembed  # in the last layer one target moves
        return total * sequences

    def _run(self, start: int, stop: int) -> int:
        """All blocks on positions start … stop - 1, looking at everything before them."""
        keys = sum(position + 1 for position in range(start, stop))
        return self.model.n_layers * ((stop - start) * self.block + 2 * keys * self.per_key)

    def scan(self, n: int, sequences: int) -> int:
        """Every attention pattern: nothing after the last one."""
        pos = 2 * n + 1
        layers = self.model.n_layers
        keys = pos * (pos + 1) // 2
        before = self._run(0, pos) * (layers - 1) // layers
        return sequences * (before + pos * self.qk + keys * self.per_key)

    def removal(self, n: int, sequences: int) -> int:
        """Each head removed, nothing below its output run, no target but the repeat's."""
        one = self.model.d_head * self.model.d_model * 2  # what is written differently
        each = [self._rest(layer, n, one) for layer in range(self.model.n_layers)]
        return sequences * (self._run(0, 2 * n) + self.model.n_heads * sum(each))

    def paths(self, n: int, sequences: int, sender: int) -> int:
        """One head's write changed in each later head's key, one head at a time."""
        d, d_head = self.model.d_model, self.model.d_head
        keys = (2 * n) * (2 * n + 1) // 2
        one = 2 * (2 * d * d_head) + 4 * d_head * keys // (2 * n)  # its key, pattern, z and write
        each = [self._rest(layer, n, one) for layer in range(sender + 1, self.model.n_layers)]
        return sequences * (self._run(0, 2 * n) + self.model.n_heads * sum(each))

    def _rest(self, layer: int, n: int, changed: int) -> int:
        """What follows when one head of a layer writes something else at positions 1 … 2N - 1.

        In the last block only the positions that predict the second half are needed.
        """
        layers = self.model.n_layers
        mlp = (
            self.block - self.qkv - 2 * self.model.n_heads * self.model.d_head * self.model.d_model
        )
        if layer == layers - 1:
            return n * (changed + mlp + self.unembed)
        blocks = self._run(1, 2 * n) * (layers - 2 - layer) // layers
        last = self._run(n, 2 * n) // layers + (n - 1) * self.kv  # keys and values of the others
        return (2 * n - 1) * (changed + mlp) + blocks + last + n * self.unembed

    def circuit(self, tokens: int) -> int:
        """Every token against every token, and what the two heads make of each."""
        d, d_head = self.model.d_model, self.model.d_head
        return 2 * tokens**2 * d_head + 2 * tokens * (2 * d * d_head + d_head**2)

    def attribution(self, n: int, sequences: int = 1) -> int:
        """One run forward and one backward to the activations of the first layer's output."""
        return sequences * 2 * (self._run(0, 2 * n) + n * self.unembed)

    def residuals(self, layer: int, tokens: int) -> int:
        """One token after BOS, up to a layer."""
        return tokens * layer * (self.block + 4 * self.per_key)
