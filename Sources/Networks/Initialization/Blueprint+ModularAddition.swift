import Text

/// The sizes of a Grokking repository's transformer; by default those of the repository.
package struct ModularAdditionSizes: Sendable, Equatable {
    package var width = 128
    package var heads = 4
    package var neurons = 512
    package var blocks = 1

    package init() {}
}

extension Blueprint {
    /// The Grokking repository's transformer for addition modulo a prime: tokens 0...p with p for `=`, three positions.
    ///
    /// All matrices are normal with deviation 1 / sqrt(width), W_U with 1 / sqrt(tokens); biases are 0, as in that repository.
    ///
    /// - Throws: ``Problem`` if the heads do not divide the width, and for absurd sizes.
    package static func modularAddition(modulus: Int, _ sizes: ModularAdditionSizes) throws(Problem) -> Blueprint {
        let all: [(name: String?, setting: Setting?, size: Int, least: Int)] = [
            ("the modulus", nil, modulus, 2), (nil, .width, sizes.width, 1), (nil, .headCount, sizes.heads, 1),
            (nil, .neuronCount, sizes.neurons, 1), (nil, .blockCount, sizes.blocks, 1),
        ]
        for (name, setting, size, least) in all where !(least...1 << 20).contains(size) {
            throw Problem(
                "cannot be used", setting: setting, subject: name, expected: "a number from \(least) to \(1 << 20)", found: "\(size)")
        }
        guard sizes.blocks <= 1000 else {
            throw Problem("cannot be used", setting: .blockCount, expected: "at most 1000", found: "\(sizes.blocks)")
        }
        let (width, heads, neurons, tokens, positions) = (sizes.width, sizes.heads, sizes.neurons, modulus + 1, 3)
        guard width % heads == 0 else {
            throw Problem(
                "does not divide the model's width", setting: .headCount, expected: "a divisor of \(width)", found: "\(heads)")
        }
        let matrix = InitialDistribution.normal(deviation: 1 / Double(width).squareRoot())
        var blueprint = Blueprint()
        try blueprint.add("embed.W_E", [width, tokens], matrix)
        try blueprint.add("pos_embed.W_pos", [positions, width], matrix)
        for block in 0..<sizes.blocks {
            for name in ["W_K", "W_Q", "W_V"] {
                try blueprint.add("blocks.\(block).attn.\(name)", [heads, width / heads, width], matrix)
            }
            try blueprint.add("blocks.\(block).attn.W_O", [width, width], matrix)
            try blueprint.add("blocks.\(block).attn.mask", [positions, positions], .lowerTriangle)
            try blueprint.add("blocks.\(block).mlp.W_in", [neurons, width], matrix)
            try blueprint.add("blocks.\(block).mlp.b_in", [neurons], .constant(0))
            try blueprint.add("blocks.\(block).mlp.W_out", [width, neurons], matrix)
            try blueprint.add("blocks.\(block).mlp.b_out", [width], .constant(0))
        }
        try blueprint.add("unembed.W_U", [width, tokens], .normal(deviation: 1 / Double(tokens).squareRoot()))
        return blueprint
    }
}
