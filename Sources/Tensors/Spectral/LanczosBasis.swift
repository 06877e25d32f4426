import Glibc
import Text

func logarithm(_ x: Double) -> Double { log(x) }

/// The growing orthonormal basis of a block Lanczos run, the operator's products with it and its projection on it.
struct LanczosBasis<Scalar: BLASScalar> {
    let size: Int
    /// The number of vectors that are added at a time.
    let block: Int
    /// The number of vectors at which the run restarts.
    let capacity: Int
    private let count: Int
    /// The number of vectors in the basis.
    private(set) var dimension = 0
    /// The number of orthonormal vectors waiting to join, 0 when the space is exhausted.
    private(set) var pending = 0

    // Row vectors: basis and products hold `dimension` of them, then basis holds the pending block.
    private let basis: Buffer<Scalar>
    private let products: Buffer<Scalar>
    private let scratch: Buffer<Scalar>
    private var projection: [Double]

    struct Pairs {
        let values: [Double]
        /// [count, dimension]: coefficients in the basis.
        let coefficients: [Double]
    }

    /// - Parameter width: the least number of vectors to add at a time.
    init(size: Int, count: Int, width: Int) {
        self.size = size
        self.count = count
        block = min(max(width, (count + 3) / 4 * 4), size)
        capacity = min(size, max(40 * block, 240))
        basis = Buffer(uninitialized: (capacity + block) * size)
        products = Buffer(uninitialized: capacity * size)
        scratch = Buffer(uninitialized: max(count + 2 * block, block) * max(size, capacity))
        projection = [Double](repeating: 0, count: capacity * capacity)
    }

    /// Makes a random block the first to join.
    mutating func start(_ generator: inout SeededGenerator) {
        for i in 0..<block * size { basis.base[i] = Scalar(generator.normal()) }
        pending = orthonormalizePending(block, &generator)
    }

    /// Lets the pending block join, multiplies it with the operator and makes the next block pending.
    mutating func extend(_ apply: BlockLanczos<Scalar>.Product, _ generator: inout SeededGenerator) throws {
        let added = pending
        let first = dimension
        let newProducts = products.base + first * size
        try apply(added, basis.base + first * size, newProducts)
        dimension += added
        project(from: first)
        // The next block: the products without their components in the basis. There is no room for those beyond the space's dimension.
        let next = min(added, size - dimension, capacity + block - dimension)
        guard next > 0 else {
            pending = 0
            return
        }
        let target = basis.base + dimension * size
        target.update(from: newProducts, count: next * size)
        pending = orthonormalizePending(next, &generator)
    }

    /// The products' inner products with the basis, for the vectors from `first` on.
    private mutating func project(from first: Int) {
        let added = dimension - first
        Scalar.multiplyByTransposed(added, products.base + first * size, basis.base, dimension, size, scratch.base)
        for i in 0..<added {
            for j in 0..<dimension {
                let value = Double(scratch.base[i * dimension + j])
                // The block's own part is symmetric but for rounding: the mean keeps it so.
                let mirrored = j >= first ? Double(scratch.base[(j - first) * dimension + first + i]) : value
                projection[(first + i) * capacity + j] = (value + mirrored) / 2
                projection[j * capacity + first + i] = (value + mirrored) / 2
            }
        }
    }

    /// Orthogonalises the `vectors` rows after the basis against it and each other; random vectors replace those that vanish.
    ///
    /// - Returns: how many orthonormal vectors there are.
    private func orthonormalizePending(_ vectors: Int, _ generator: inout SeededGenerator) -> Int {
        let first = basis.base + dimension * size
        let sizes = (0..<vectors).map { norm(first + $0 * size) }
        removeBasis(from: first, vectors)
        var kept = 0
        for i in 0..<vectors {
            let vector = first + kept * size
            if kept != i { vector.update(from: first + i * size, count: size) }
            var reference = sizes[i]
            var attempts = 0
            while true {
                for _ in 0..<2 {
                    for j in 0..<kept { subtract(first + j * size, from: vector) }
                }
                let length = norm(vector)
                if length > 0, length > reference * 1e-5, length.isFinite {
                    scale(vector, by: Scalar(1 / length))
                    kept += 1
                    break
                }
                guard dimension + kept < size, attempts < 3 else { break }
                for j in 0..<size { vector[j] = Scalar(generator.normal()) }
                reference = norm(vector)
                removeBasis(from: vector, 1)
                attempts += 1
            }
        }
        // Once more, now that rounding errors are small compared with the vectors.
        removeBasis(from: first, kept)
        for i in 0..<kept {
            let vector = first + i * size
            for j in 0..<i { subtract(first + j * size, from: vector) }
            scale(vector, by: Scalar(1 / norm(vector)))
        }
        return kept
    }

    /// Removes the components in the basis from some row vectors.
    private func removeBasis(from target: UnsafeMutablePointer<Scalar>, _ vectors: Int) {
        guard dimension > 0, vectors > 0 else { return }
        Scalar.multiplyByTransposed(vectors, target, basis.base, dimension, size, scratch.base)
        for i in 0..<vectors * dimension { scratch.base[i].negate() }
        Scalar.add(vectors, scratch.base, basis.base, dimension, size, target)
    }

    private func subtract(_ direction: UnsafePointer<Scalar>, from vector: UnsafeMutablePointer<Scalar>) {
        let amount = Scalar(innerProduct(direction, vector, size))
        for i in 0..<size { vector[i] -= amount * direction[i] }
    }

    private func norm(_ vector: UnsafePointer<Scalar>) -> Double { innerProduct(vector, vector, size).squareRoot() }

    private func scale(_ vector: UnsafeMutablePointer<Scalar>, by factor: Scalar) {
        for i in 0..<size { vector[i] *= factor }
    }

    /// The leading eigenpairs of the projection.
    func ritzPairs(count: Int) throws(Problem) -> Pairs {
        var matrix = [Double](repeating: 0, count: dimension * dimension)
        for i in 0..<dimension {
            for j in 0..<dimension { matrix[i * dimension + j] = projection[i * capacity + j] }
        }
        let eigen = try SymmetricEigen(matrix: matrix, n: dimension, count: count)
        return Pairs(values: eigen.values, coefficients: eigen.vectors)
    }

    /// The largest |A x - theta x| among the pairs.
    func largestResidual(of pairs: Pairs) -> Double {
        let ritz = combination(pairs.coefficients, pairs.values.count, of: basis)
        let images = combination(pairs.coefficients, pairs.values.count, of: products)
        var largest = 0.0
        for (i, value) in pairs.values.enumerated() {
            var sum = 0.0
            for j in i * size..<(i + 1) * size {
                let difference = Double(images[j]) - value * Double(ritz[j])
                sum += difference * difference
            }
            largest = max(largest, sum.squareRoot())
        }
        return largest
    }

    /// The pairs' vectors, [count, size].
    func vectors(of pairs: Pairs) -> [Scalar] {
        combination(pairs.coefficients, pairs.values.count, of: basis)
    }

    private func combination(_ coefficients: [Double], _ rows: Int, of source: Buffer<Scalar>) -> [Scalar] {
        let narrow = coefficients.map { Scalar($0) }
        return [Scalar](unsafeUninitializedCapacity: rows * size) { target, initialized in
            Scalar.gemm(
                .no, .no, m: rows, n: size, k: dimension, alpha: 1, narrow, dimension, source.base, size, beta: 0, target.baseAddress!,
                size)
            initialized = rows * size
        }
    }

    /// Shrinks the basis to the leading vectors, which with the pending block span the same next step.
    mutating func restart() throws {
        let kept = min(max(count + 2 * block, 6 * block), dimension / 2)
        let pairs = try ritzPairs(count: kept)
        let ritz = combination(pairs.coefficients, kept, of: basis)
        let images = combination(pairs.coefficients, kept, of: products)
        let waiting = basis.base + dimension * size
        ritz.withUnsafeBufferPointer { basis.base.update(from: $0.baseAddress!, count: kept * size) }
        (basis.base + kept * size).update(from: waiting, count: pending * size)
        images.withUnsafeBufferPointer { products.base.update(from: $0.baseAddress!, count: kept * size) }
        dimension = kept
        for i in 0..<kept {
            for j in 0..<kept { projection[i * capacity + j] = i == j ? pairs.values[i] : 0 }
        }
    }
}

/// The inner product in double precision, with eight running sums.
func innerProduct<Scalar: BLASScalar>(_ a: UnsafePointer<Scalar>, _ b: UnsafePointer<Scalar>, _ count: Int) -> Double {
    var lanes = SIMD8<Double>.zero
    var i = 0
    while i &+ 8 <= count {
        for lane in 0..<8 { lanes[lane] += Double(a[i &+ lane]) * Double(b[i &+ lane]) }
        i &+= 8
    }
    var sum = lanes.sum()
    while i < count {
        sum += Double(a[i]) * Double(b[i])
        i &+= 1
    }
    return sum
}
