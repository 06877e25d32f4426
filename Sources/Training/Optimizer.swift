/// How gradients change weights, as PyTorch's `torch.optim` defines it.
package struct Optimizer: Sendable, Equatable {
    package enum Rule: String, Sendable, CaseIterable {
        /// Kingma and Ba, with bias correction; weight decay is added to the gradient.
        case adam
        /// Loshchilov and Hutter: Adam, with weight decay that shrinks the weights themselves.
        case adamw
        /// Gradient descent, with momentum if one is given; weight decay is added to the gradient.
        case sgd

        /// The documentation of the value for help and manual, one sentence.
        package var documentation: String {
            switch self {
            case .adam: "Adam; weight decay is added to the gradient."
            case .adamw: "Adam with weight decay that shrinks the weights themselves."
            case .sgd: "Gradient descent; weight decay is added to the gradient."
            }
        }
    }

    /// Where momentum is taken.
    package enum Momentum: Sendable, Equatable {
        /// The step goes along the running sum of gradients.
        case plain
        /// The step goes along the gradient plus momentum times the running sum.
        case nesterov
    }

    package var rule: Rule
    /// The shares of the old in Adam's running means of the gradient and of its square.
    package var beta1 = 0.9
    package var beta2 = 0.999
    package var epsilon = 1e-8
    package var momentum = 0.0
    package var momentumKind = Momentum.plain
    package var weightDecay: Double

    /// PyTorch's defaults: weight decay 0.01 for AdamW, none for the others; no momentum.
    package init(_ rule: Rule) {
        self.rule = rule
        weightDecay = rule == .adamw ? 0.01 : 0
    }

    /// The numbers that are kept for each weight from step to step.
    var momentCount: Int {
        switch rule {
        case .adam, .adamw: 2
        case .sgd: 1
        }
    }
}
