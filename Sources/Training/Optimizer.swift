/// How gradients change weights, as PyTorch's `torch.optim` defines it.
public struct Optimizer: Sendable, Equatable {
    public enum Rule: String, Sendable, CaseIterable {
        /// Kingma and Ba, with bias correction; weight decay is added to the gradient.
        case adam
        /// Loshchilov and Hutter: Adam, with weight decay that shrinks the weights themselves.
        case adamw
        /// Gradient descent, with momentum where one is given; weight decay is added to the gradient.
        case sgd
    }

    /// Where momentum is taken.
    public enum Momentum: Sendable, Equatable {
        /// The step goes along the running sum of gradients.
        case plain
        /// The step goes along the gradient plus momentum times the running sum.
        case nesterov
    }

    public var rule: Rule
    /// The shares of the old in Adam's running means of the gradient and of its square.
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var momentum = 0.0
    public var momentumKind = Momentum.plain
    public var weightDecay: Double

    /// PyTorch's defaults: weight decay 0.01 for AdamW, none for the others; no momentum.
    public init(_ rule: Rule) {
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
